"""What labels are drawn with and from, for fisher="mc". The draws themselves, and the gradients of their loss, are the
engine's; random numbers are torch's."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def find_logits(output: Any) -> Tensor | None:
    """The logits among what a model returned: a tensor, `.logits` or `["logits"]`, or the first tensor of a tuple."""
    if isinstance(output, Tensor):
        return output
    if isinstance(getattr(output, "logits", None), Tensor):
        return output.logits
    if isinstance(output, Mapping):
        values = [output["logits"]] if "logits" in output else list(output.values())
    else:
        values = list(output) if isinstance(output, (tuple, list)) else []
    return next((value for value in values if isinstance(value, Tensor) and value.is_floating_point()), None)


def noise_for(logits: Tensor, distribution: str) -> Tensor:
    """Random numbers from torch's generator, as the engine wants them to draw labels."""
    draw = torch.randn if distribution == "gaussian" else torch.rand
    return draw(logits.shape, dtype=torch.float64 if logits.dtype == torch.float64 else torch.float32,
                device=logits.device)
