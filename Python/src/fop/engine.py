"""The mathematics, which is Swift's: this is a typed face of the operators that reach one engine."""

import weakref
from collections.abc import Mapping, Sequence

from torch import Tensor

from ._library import operators


class Engine:
    """Owns the number of an engine; the engine goes with it."""

    def __init__(self, settings: Mapping[str, object]):
        self._ops = operators()
        text = "\n".join(f"{name}={value}" for name, value in settings.items())
        try:
            self.number: int = self._ops.engine_new(text)
        except RuntimeError as error:
            raise ValueError(str(error)) from None
        self._finalizer = weakref.finalize(self, self._ops.engine_delete, self.number)

    # Blocks, between steps.

    def retain(self, blocks: Sequence[int]) -> None:
        """Keeps these blocks alone, in this order and with their curvature; looks at their gradients anew."""
        self._ops.retain(self.number, blocks)

    # For what trains of weight and bias. Each returns the block's index, -1 where the layer is left to the fallback, and
    # its kind.

    def add_linear(self, name: str, outputs: int, features: int, weight: bool, bias: bool) -> tuple[int, str]:
        return self._ops.add_linear(self.number, name, outputs, features, weight, bias)

    def add_convolution(self, name: str, weight_shape: Sequence[int], stride: Sequence[int], padding: Sequence[int],
                        dilation: Sequence[int], groups: int, weight: bool, bias: bool) -> tuple[int, str]:
        return self._ops.add_convolution(self.number, name, weight_shape, stride, padding, dilation, groups, weight,
                                         bias)

    def add_transposed_convolution(self, name: str, weight_shape: Sequence[int], stride: Sequence[int],
                                   padding: Sequence[int], output_padding: Sequence[int], dilation: Sequence[int],
                                   groups: int, weight: bool, bias: bool) -> tuple[int, str]:
        return self._ops.add_transposed_convolution(self.number, name, weight_shape, stride, padding, output_padding,
                                                    dilation, groups, weight, bias)

    def add_embedding(self, name: str, count: int, width: int, padding_index: int | None) -> tuple[int, str]:
        return self._ops.add_embedding(self.number, name, count, width, -1 if padding_index is None else padding_index)

    def add_normalization(self, name: str, kind: str, shape: Sequence[int], groups: int, epsilon: float, weight: bool,
                          bias: bool) -> tuple[int, str]:
        return self._ops.add_normalization(self.number, name, kind, shape, groups, epsilon, weight, bias)

    def join(self, group: str, rank: int, size: int) -> None:
        """Takes the steps from now on together with the other processes of a group."""
        self._ops.join(self.number, group, rank, size)

    # Gathering.

    def begin_micro_batch(self, factor_interval: int, inverse_interval: int) -> bool:
        """Returns whether passes from the model's own predictions are wanted."""
        return self._ops.begin_micro_batch(self.number, factor_interval, inverse_interval)

    def begin_pass(self, curvature: bool, counts_examples: bool = True) -> None:
        self._ops.begin_pass(self.number, curvature, counts_examples)

    def drawn_gradient(self, output: Tensor, noise: Tensor, distribution: str, scale: float) -> Tensor:
        """The derivatives of the loss, times a scale, with respect to the output, for labels drawn by the noise."""
        return self._ops.drawn_gradient(self.number, output, noise, distribution, scale)

    def running_statistics(self, block: int, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """What `record` takes for a normalisation that uses these."""
        return self._ops.running_statistics(self.number, block, mean, variance)

    def record(self, block: int, layer_input: Tensor, output_gradient: Tensor, mean: Tensor | None = None,
               inverse_std: Tensor | None = None) -> None:
        self._ops.record(self.number, block, layer_input, output_gradient, mean, inverse_std)

    def complete(self, block: int, gradients: Sequence[Tensor]) -> bool:
        """Returns whether they are what the records say, which is looked at the first time."""
        return self._ops.complete(self.number, block, gradients)

    def assume(self, blocks: Sequence[int], gradients: Sequence[Sequence[Tensor]]) -> set[int]:
        """Has blocks that nothing was gathered for take part in the next step with their gradients; without those that
        have no curvature yet, which are left out of what is returned."""
        flat = [gradient for part in gradients for gradient in part]
        return set(self._ops.assume(self.number, blocks, flat, [len(part) for part in gradients]))

    def discard(self, block: int | None = None) -> None:
        self._ops.discard(self.number, -1 if block is None else block)

    # The step.

    def gathered(self) -> tuple[int, bool]:
        """How many examples, and whether there can be statistics among what was gathered."""
        return self._ops.gathered(self.number)

    def directions(self, blocks: Sequence[int], gradients: Sequence[Sequence[Tensor]],
                   learning_rates: Sequence[float], loss_scale: float,
                   others_finite: Tensor | None) -> tuple[list[int], list[Tensor], Tensor]:
        """Of the blocks that something passed through: their indices, the directions of all their parameters; and
        whether everything was finite. None of them where it is known not to be."""
        flat = [gradient for part in gradients for gradient in part]
        counts = [len(part) for part in gradients]
        return self._ops.directions(self.number, blocks, flat, counts, learning_rates, loss_scale, others_finite)

    # State.

    def state(self, curvature: bool = True) -> dict[str, Tensor]:
        names, tensors = self._ops.state(self.number, curvature)
        return dict(zip(names.split("\n"), tensors))

    def load(self, state: Mapping[str, Tensor]) -> None:
        try:
            self._ops.load(self.number, "\n".join(state), list(state.values()))
        except RuntimeError as error:
            raise ValueError(str(error)) from None

    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        lines = self._ops.state_shapes(self.number).split("\n")
        fields = (line.split("\t") for line in lines)
        return {name: tuple(map(int, shape)) for name, *shape in fields}

    def counts(self) -> dict[str, int]:
        names = ("steps", "cholesky", "jitter", "float64", "kept")
        return dict(zip(names, self._ops.counts(self.number)))

    def diagnostics(self) -> str:
        return self._ops.diagnostics(self.number)
