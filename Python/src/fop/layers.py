"""Which layers a Fisher block can stand for, and how they use their parameters."""

from collections import Counter
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .engine import Engine
from .names import clean_name

Parts = tuple[str, ...]
"""Which of a layer's weight and bias train."""


@dataclass(frozen=True)
class Geometry:
    """How a layer's block is made."""

    kind: str
    """Of the engine's layers: it has an operator `add_` and this."""
    arguments: tuple[Any, ...]
    """The operator's, after the name."""
    parts: Parts
    """The parameters that the block stands for."""
    accepts: Callable[[Tensor, Tensor], bool] = field(compare=False)
    """Whether an input and an output have the shapes that the block is made for, examples first."""
    is_table: bool = False
    """Whether it may be looked up once for all examples."""


@dataclass(eq=False)
class Layer:
    """One layer with a Fisher block, and what was seen of it."""

    name: str
    parameters: tuple[nn.Parameter, ...]
    """In the block's order."""
    parameter_names: tuple[str, ...]
    geometry: Geometry
    method: str = ""
    """The block's, as the coverage table has it, once that is made."""
    was_recorded: bool = False
    """Whether a backward pass through it was recorded once."""
    was_idle: bool = False
    """Whether it was called on no examples once."""
    is_unexplained: bool = False
    """Whether its gradients are not what passes through it says: it is observed no more."""
    is_shared: bool = False
    """Of these: a table that is looked up once for all examples, as positions are."""
    home: tuple[torch.device, torch.dtype] | None = None
    """Where it was, and in which type, when it was called last."""

    def register(self, engine: Engine) -> tuple[int, str]:
        """Makes the block: its index and kind; -1 where the layer is left to the fallback."""
        return getattr(engine, f"add_{self.geometry.kind}")(self.name, *self.geometry.arguments)

    @property
    def trains(self) -> bool:
        return all(parameter.requires_grad for parameter in self.parameters)


def find_layers(model: nn.Module, trained: Container[nn.Parameter]) -> Iterator[tuple[nn.Module, Layer]]:
    """The layers of a model that get a Fisher block, for those of their parameters that are among the trained ones and
    are not frozen. The fallback takes all others: of layers of other types or with a forward of their own, shared or
    parametrized ones."""
    uses = Counter(id(parameter) for module in model.modules() for parameter in module._parameters.values())
    for path, module in model.named_modules():
        make = maker_of(module)
        if make is None:
            continue
        parts = tuple(name for name in ("weight", "bias") if (parameter := module._parameters.get(name)) is not None
                      and parameter.requires_grad and uses[id(parameter)] == 1 and parameter in trained)
        geometry = make(module, parts) if parts else None
        if geometry is None:
            continue
        prefix = f"{path}." if path else ""
        yield module, Layer(
            name=clean_name(path), parameters=tuple(module._parameters[name] for name in geometry.parts),
            parameter_names=tuple(clean_name(prefix + part) for part in geometry.parts), geometry=geometry)


def maker_of(module: nn.Module) -> Callable[[Any, Parts], Geometry | None] | None:
    """None for a module that no block can stand for."""
    for base, make in GEOMETRIES.items():
        # A subclass with a forward of its own may do anything.
        if isinstance(module, base) and type(module).forward is base.forward:
            return None if parametrize.is_parametrized(module) else make
    return None


def _linear(module: nn.Linear, parts: Parts) -> Geometry:
    return Geometry("linear", (*module.weight.shape, "weight" in parts, "bias" in parts), parts,
                    lambda layer_input, output: layer_input.dim() >= 2)


def _convolution(module: nn.modules.conv._ConvNd, parts: Parts) -> Geometry | None:
    padding = _padding(module)
    if module.padding_mode != "zeros" or padding is None:
        return None
    shape = list(module.weight.shape)
    arguments = (shape, list(module.stride), padding, list(module.dilation), module.groups,
                 "weight" in parts, "bias" in parts)
    return Geometry("convolution", arguments, parts, lambda layer_input, output: layer_input.dim() == len(shape))


def _transposed_convolution(module: nn.modules.conv._ConvTransposeNd, parts: Parts) -> Geometry:
    shape = list(module.weight.shape)
    stride, padding = list(module.stride), list(module.padding)
    output_padding, dilation = list(module.output_padding), list(module.dilation)

    def accepts(layer_input: Tensor, output: Tensor) -> bool:
        if layer_input.dim() != len(shape):
            return False
        # Its caller may ask for another output_size, which makes for another output_padding.
        expected = [(size - 1) * step - 2 * pad + gap * (kernel - 1) + extra + 1 for size, step, pad, gap, kernel, extra
                    in zip(layer_input.shape[2:], stride, padding, dilation, shape[2:], output_padding)]
        return list(output.shape[2:]) == expected

    arguments = (shape, stride, padding, output_padding, dilation, module.groups, "weight" in parts, "bias" in parts)
    return Geometry("transposed_convolution", arguments, parts, accepts)


def _embedding(module: nn.Embedding, parts: Parts) -> Geometry | None:
    # The one changes the weight while it is looked up, the others give gradients that are not sums over positions.
    if module.max_norm is not None or module.scale_grad_by_freq or module.sparse:
        return None
    return Geometry("embedding", (*module.weight.shape, module.padding_idx), parts,
                    lambda layer_input, output: layer_input.dim() >= 1, is_table=True)


def _padding(module: nn.modules.conv._ConvNd) -> list[int] | None:
    """None where it differs between the two ends of a dimension."""
    if module.padding == "valid":
        return [0] * len(module.kernel_size)
    if module.padding == "same":
        around = [dilation * (size - 1) for dilation, size in zip(module.dilation, module.kernel_size)]
        return None if any(width % 2 for width in around) else [width // 2 for width in around]
    return list(module.padding)


def _batch_norm(module: nn.modules.batchnorm._BatchNorm, parts: Parts) -> Geometry:
    return _normalization(module, parts, "batch", module.eps, lambda layer_input, output: layer_input.dim() >= 2)


def _group_norm(module: nn.GroupNorm, parts: Parts) -> Geometry:
    return _normalization(module, parts, "group", module.eps, lambda layer_input, output: layer_input.dim() >= 2,
                          groups=module.num_groups)


def _layer_norm(module: nn.LayerNorm, parts: Parts) -> Geometry:
    rank = len(module.normalized_shape)
    return _normalization(module, parts, "layer", module.eps, lambda layer_input, output: layer_input.dim() > rank)


def _rms_norm(module: nn.RMSNorm, parts: Parts) -> Geometry:
    rank = len(module.normalized_shape)
    # torch's default depends on the type.
    epsilon = module.eps if module.eps is not None else torch.finfo(module.weight.dtype).eps
    return _normalization(module, parts, "rms", epsilon, lambda layer_input, output: layer_input.dim() > rank)


def _normalization(module: nn.Module, parts: Parts, kind: str, epsilon: float,
                   accepts: Callable[[Tensor, Tensor], bool], groups: int = 1) -> Geometry:
    shape = list(module._parameters[parts[0]].shape)
    return Geometry("normalization", (kind, shape, groups, epsilon, "weight" in parts, "bias" in parts), parts, accepts)


GEOMETRIES: dict[type[nn.Module], Callable[..., Geometry | None]] = {
    nn.Linear: _linear,
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.Conv3d: _convolution,
    nn.ConvTranspose1d: _transposed_convolution,
    nn.ConvTranspose2d: _transposed_convolution,
    nn.ConvTranspose3d: _transposed_convolution,
    nn.Embedding: _embedding,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.BatchNorm3d: _batch_norm,
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _layer_norm,
    nn.RMSNorm: _rms_norm,
}
