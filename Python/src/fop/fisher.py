"""Labels drawn from the model's own predictions, for fisher="mc".

In Python, as FOPCore has no random numbers: the library's own draws (`FOP/Capture/Predictions`) need its C++ part, which
the wheel does without."""

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


def drawn_gradient(logits: Tensor, distribution: str, reduction: str) -> Tensor:
    """The derivative of each example's own loss with respect to the logits, for labels drawn from its predictions:
    their mean or sum, where an example has several.

    Categorical: softmax over the last dimension, cross entropy. Gaussian: squared error, averaged over the last
    dimension, whose noise has the variance features / 2."""
    values = logits.detach().float() if logits.dtype != torch.float64 else logits.detach()
    features = values.shape[-1]
    predictions = values.numel() // (features * values.shape[0]) if reduction == "mean" else 1
    if distribution == "gaussian":
        gradient = torch.randn_like(values) * (2.0 / features) ** 0.5
    else:
        probabilities = values.softmax(-1)
        # Nothing can be drawn from predictions that are not finite, and trying ends a CUDA process. Their gradients stay
        # what they are, so that the step is left out.
        drawable = probabilities.nan_to_num(nan=1.0).reshape(-1, features)
        labels = torch.multinomial(drawable, 1).reshape(values.shape[:-1])
        gradient = probabilities - torch.nn.functional.one_hot(labels, features)
    return (gradient / predictions).to(logits.dtype)
