"""Looks after the heap where curvature is large: its statistics are formed among activations."""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from .layers import Layer
from .memory import Heap
from .names import layer_of

LARGE_CURVATURE = 256 << 20
"""From so many bytes of factors and inverses on. With less, what is left between activations does not matter."""


class MemoryWatch:
    """Says when the heap is to be looked at, and how much is about to be taken from it."""

    def __init__(self, heap: Heap | None):
        self._heap = heap
        """None: nothing is looked at."""
        self._bytes: dict[Layer, int] = {}
        self._total = 0

    def follow(self, layers: Iterable[Layer], shapes: Mapping[str, Sequence[int]]) -> None:
        """From now on the curvature is that of these layers.

        Args:
            shapes: the tensors of the engine's state.
        """
        owners = {layer.name: layer for layer in layers}
        self._bytes = dict.fromkeys(owners.values(), 0)
        for key, shape in shapes.items():
            layer = owners.get(layer_of(key, owners) or "")
            if layer is not None and "." in key:
                width = 8 if layer.parameters[0].dtype == torch.float64 else 4
                self._bytes[layer] += math.prod(shape) * width
        self._total = sum(self._bytes.values())

    @property
    def is_on(self) -> bool:
        return self._heap is not None and self._total >= LARGE_CURVATURE

    def look(self, needed: int = 0) -> None:
        """Between two layers and after a step; with so many bytes about to be taken."""
        if self._heap is not None and self._total >= LARGE_CURVATURE:
            self._heap.look(needed)

    def before_statistics(self, layer: Layer) -> None:
        """Statistics are formed from several matrices of the factors' sizes."""
        self.look(2 * self._bytes.get(layer, 0))

    def before_step(self, gradients: Iterable[Tensor], updates_curvature: bool) -> None:
        """A step takes about a dozen vectors, and copies of factors and inverses where it renews them."""
        self.look(12 * sum(gradient.nbytes for gradient in gradients) + (self._total if updates_curvature else 0))
