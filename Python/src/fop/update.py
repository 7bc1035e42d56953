"""Applies directions and gradients to parameters: momentum, decoupled weight decay, AdamW. The arithmetic is the
engine's; this groups the tensors and keeps their buffers in the optimizer's state."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ._library import operators

BUFFERS = ("momentum_buffer", "exp_avg", "exp_avg_sq", "step")
"""All that a parameter's state can hold."""

BETAS = (0.9, 0.999)
EPSILON = 1e-8


@dataclass(frozen=True)
class Update:
    """One parameter, what it moves along, and its group's settings."""

    parameter: nn.Parameter
    direction: Tensor
    group: dict[str, Any]
    rule: str
    """`momentum` (heavy ball) or `adamw`."""
    scale: float = 1.0
    """The learning rate as a multiple of the group's."""


def apply(updates: Iterable[Update], state: dict[nn.Parameter, dict[str, Any]], found_inf: Tensor) -> None:
    """Takes the steps, in place; changes nothing where `found_inf` (float32, no dimensions) is 1."""
    buckets: dict[Hashable, list[Update]] = defaultdict(list)
    for update in updates:
        parameter = update.parameter
        buckets[id(update.group), update.rule, update.scale, parameter.device, parameter.dtype].append(update)
    for bucket in buckets.values():
        first = bucket[0]
        rule = _adamw if first.rule == "adamw" else _momentum
        rule(bucket, state, first.group, float(first.group["lr"]) * first.scale,
             found_inf.to(first.parameter.device))


def _momentum(bucket: list[Update], state: dict[nn.Parameter, dict[str, Any]], group: dict[str, Any], lr: float,
              found_inf: Tensor) -> None:
    momentum = float(group["momentum"])
    buffers = [] if momentum == 0 else [_buffer(state, u.parameter, "momentum_buffer") for u in bucket]
    operators().sgd_([u.parameter for u in bucket], [u.direction for u in bucket], buffers, lr, momentum,
                     float(group["weight_decay"]), found_inf)


def _adamw(bucket: list[Update], state: dict[nn.Parameter, dict[str, Any]], group: dict[str, Any], lr: float,
           found_inf: Tensor) -> None:
    def buffers(name: str) -> list[Tensor]:
        return [_buffer(state, u.parameter, name) for u in bucket]

    operators().adamw_([u.parameter for u in bucket], [u.direction for u in bucket], buffers("exp_avg"),
                       buffers("exp_avg_sq"), buffers("step"), lr, *BETAS, EPSILON, float(group["weight_decay"]),
                       found_inf)


def _buffer(state: dict[nn.Parameter, dict[str, Any]], parameter: nn.Parameter, name: str) -> Tensor:
    own = state[parameter]
    buffer = own.get(name)
    if buffer is None:
        own[name] = new_buffer(parameter, name)
    elif buffer.device != parameter.device or (buffer.dtype != parameter.dtype and name != "step"):
        # The model was moved, or changed its type.
        own[name] = new_buffer(parameter, name).copy_(buffer)
    return own[name]


def new_buffer(parameter: nn.Parameter, name: str) -> Tensor:
    """A buffer of zeros: AdamW's `step` is a number, everything else has the parameter's shape."""
    if name == "step":
        return torch.zeros((), dtype=torch.float32, device=parameter.device)
    return torch.zeros_like(parameter, memory_format=torch.preserve_format, requires_grad=False)
