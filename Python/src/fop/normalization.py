"""What a normalisation layer subtracts and multiplies with, where that is not its batch's own."""

import torch
from torch import Tensor, nn


def fixed_statistics(module: nn.Module) -> tuple[Tensor, Tensor] | None:
    """The running mean and inverse standard deviation of a BatchNorm that uses them; else None: the engine computes
    them from the input."""
    if not isinstance(module, nn.modules.batchnorm._BatchNorm) or module.training:
        return None
    if module.running_mean is None or module.running_var is None:
        return None
    return module.running_mean.clone(), torch.rsqrt(module.running_var + module.eps)
