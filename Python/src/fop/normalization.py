"""What a normalisation layer subtracts and multiplies with, where that is known; else the engine computes it from the
layer's input."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Statistics = tuple[Tensor, Tensor]

KEEPING_NODES = ("NativeBatchNormBackward0", "CudnnBatchNormBackward0", "NativeLayerNormBackward0",
                 "NativeGroupNormBackward0")
"""The autograd nodes that keep mean and inverse standard deviation of the forward pass."""


def known_statistics(module: nn.Module, output: Tensor, of_running: Callable[[Tensor, Tensor], Statistics],
                     ) -> Statistics | None:
    """Mean and inverse standard deviation: what `of_running` makes of the running mean and variance of a BatchNorm that
    uses them, or what autograd kept."""
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and not module.training and module.running_var is not None:
        # In the forward pass, as they may have moved on before the backward pass.
        return of_running(module.running_mean, module.running_var)
    node = output.grad_fn
    if node is None or node.name() not in KEEPING_NODES or _saved_tensors_are_elsewhere():
        return None
    mean, inverse = node._saved_result1.detach(), node._saved_result2.detach()
    # In half precision they are too coarse.
    return (mean, inverse) if mean.dtype in (torch.float32, torch.float64) else None


def _saved_tensors_are_elsewhere() -> bool:
    """Under activation checkpointing, asking for a saved tensor computes the forward pass again."""
    return torch._C._autograd._top_saved_tensors_default_hooks(False) is not None
