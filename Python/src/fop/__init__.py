"""FOP: Fisher-Orthogonal Projection for PyTorch, a natural-gradient optimizer for large batches.

    import fop
    optimizer = fop.FOP(model, lr=0.1)      # instead of torch.optim.SGD(model.parameters(), lr=0.1)

The training loop stays as it is. Paper: Lu & Armour, AAAI 2026, arXiv 2508.13898.
"""

from ._library import UnsupportedPlatformError, require_platform
from ._version import __version__

require_platform()

from .coverage import Coverage  # noqa: E402
from .optimizer import FOP, KFAC  # noqa: E402

__all__ = ["FOP", "KFAC", "Coverage", "UnsupportedPlatformError", "__version__"]
