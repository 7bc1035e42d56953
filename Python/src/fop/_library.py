"""The library of operators, `torch.ops.fop.*`, and what it needs: one sentence where something is missing."""

import functools
import platform
import re
from pathlib import Path
from typing import Any

OLDEST_TORCH = (2, 10)
LIBRARY = Path(__file__).with_name("libFOPExports.so")


class UnsupportedPlatformError(ImportError):
    """This machine, or its torch, is one that fop does not run on."""


def require_platform() -> None:
    """Raises :class:`UnsupportedPlatformError` where fop cannot work."""
    machine = f"{platform.system()} {platform.machine()}"
    if machine != "Linux x86_64":
        raise UnsupportedPlatformError(f"fop runs on Linux x86_64 and this machine is {machine}.")
    try:
        import torch
    except ImportError as error:
        raise UnsupportedPlatformError(
            f"fop needs torch {_dotted(OLDEST_TORCH)} or newer, and it cannot be imported ({error}): "
            "pip install torch.") from error
    if torch_version(torch.__version__) < OLDEST_TORCH:
        raise UnsupportedPlatformError(
            f"fop needs torch {_dotted(OLDEST_TORCH)} or newer and this is {torch.__version__}: "
            "pip install --upgrade torch.")


def torch_version(text: str) -> tuple[int, int]:
    """The first two numbers of a version."""
    numbers = re.match(r"(\d+)\.(\d+)", text)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


@functools.cache
def operators() -> Any:
    """`torch.ops.fop`, loaded when first asked for."""
    import torch
    try:
        torch.ops.load_library(str(LIBRARY))
    except OSError as error:
        raise UnsupportedPlatformError(f"fop's library {LIBRARY} cannot be loaded: {error}.") from error
    return torch.ops.fop
