"""Tensors of the forward pass that the backward pass needs, kept the way autograd keeps its own."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class SavedTensor:
    """A tensor as it was."""

    __slots__ = ("_tensor", "_version")

    def __init__(self, tensor: Tensor):
        self._tensor = tensor
        self._version = tensor._version

    def get(self) -> Tensor | None:
        """None where it was changed in place since then: the layer goes without a record, and takes the fallback's
        step."""
        return self._tensor if self._tensor._version == self._version else None


class PackedTensor(SavedTensor):
    """A tensor that saved-tensor hooks have taken over: a checkpoint, which computes it again, or an offload."""

    __slots__ = ("_packed", "_unpack")

    def __init__(self, packed: Any, unpack: Callable[[Any], Tensor]):
        self._packed = packed
        self._unpack = unpack

    def get(self) -> Tensor | None:
        return self._unpack(self._packed)


def save(tensor: Tensor) -> SavedTensor:
    """Hands a tensor to the saved-tensor hooks in force (`torch.autograd.graph.saved_tensors_hooks`), or keeps it."""
    own = tensor.detach()
    hooks = torch._C._autograd._top_saved_tensors_default_hooks(False)
    if hooks is None:
        return SavedTensor(own)
    pack, unpack = hooks
    return PackedTensor(pack(own), unpack)
