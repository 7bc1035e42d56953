"""Mixed precision: autocast, and the loss scale of torch.amp.GradScaler, which enters the curvature squared."""

import contextlib
import sys
from collections import defaultdict
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor


def without_autocast(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Products of factors and gradients keep their precision, also where a loop calls us under autocast."""
    if torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    return contextlib.nullcontext()


def backward_scale(optimizer: torch.optim.Optimizer) -> float:
    """What the loss was multiplied with in the backward passes before `scaler.step(optimizer)`; 1 without a scaler.

    The scaler sets `optimizer.grad_scale` while it calls `step`, but to None when the user has called `unscale_`: the
    gradients need no more scaling then, while the curvature's statistics, taken during the backward pass, do. The
    scaler itself is a local variable of the frame that called us, directly or through wrappers of `step` (the
    learning-rate schedulers' and torch.optim's own), so that is where it is looked for.
    """
    scale = getattr(optimizer, "grad_scale", None)
    if scale is None and getattr(optimizer, "found_inf", None) is not None:
        scaler = _calling_scaler()
        scale = None if scaler is None else scaler.get_scale()
    return 1.0 if scale is None else float(scale)


def found_infinity(optimizer: torch.optim.Optimizer) -> Tensor | None:
    """The scaler's finding: above 0 where a gradient was not finite."""
    return getattr(optimizer, "found_inf", None)


def unscale(optimizer: torch.optim.Optimizer, gradients: list[Tensor]) -> None:
    """Divides the scale out of gradients that still have it, in place, as torch's own fused optimizers do."""
    scale = getattr(optimizer, "grad_scale", None)
    if scale is None:
        return
    inverse = scale.reciprocal()
    by_device: dict[torch.device, list[Tensor]] = defaultdict(list)
    for gradient in gradients:
        by_device[gradient.device].append(gradient)
    for device, members in by_device.items():
        torch._foreach_mul_(members, inverse.to(device))


def _calling_scaler() -> torch.amp.GradScaler | None:
    code: CodeType = torch.amp.GradScaler.step.__code__
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is code:
            return frame.f_locals.get("self")
        frame = frame.f_back
    return None
