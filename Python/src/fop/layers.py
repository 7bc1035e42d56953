"""Which layers a Fisher block can stand for, and how they use their parameters."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .engine import Engine
from .names import clean_name

Register = Callable[[Engine], tuple[int, str]]


@dataclass(eq=False)
class Layer:
    """One layer with a Fisher block; the parameters are in the block's order."""

    name: str
    parameters: tuple[nn.Parameter, ...]
    parameter_names: tuple[str, ...]
    register: Register
    accepts: Callable[[Tensor, Tensor], bool]
    """Whether an input and an output have the shapes the block is made for, examples first."""
    is_table: bool = False
    """Whether it may be looked up once for all examples."""
    kind: str = ""
    """Of its block, once that is made."""

    @property
    def trains(self) -> bool:
        return all(parameter.requires_grad for parameter in self.parameters)


@dataclass(frozen=True)
class Geometry:
    """How a layer's block is made."""

    parameters: tuple[str, ...]
    register: Callable[[Engine, str], tuple[int, str]]
    accepts: Callable[[Tensor, Tensor], bool]
    is_table: bool = False


def find_layers(model: nn.Module) -> Iterator[tuple[nn.Module, Layer]]:
    """The layers of a model that get a Fisher block. The fallback takes all other parameters: of layers of other types
    or with a forward of their own, shared or parametrized ones."""
    uses = Counter(id(parameter) for module in model.modules() for parameter in module._parameters.values())
    for path, module in model.named_modules():
        geometry = geometry_of(module)
        if geometry is None:
            continue
        parameters = tuple(module._parameters[name] for name in geometry.parameters)
        if any(uses[id(parameter)] > 1 for parameter in parameters):
            continue
        prefix = f"{path}." if path else ""
        name = clean_name(path)
        yield module, Layer(
            name=name, parameters=parameters,
            parameter_names=tuple(clean_name(prefix + part) for part in geometry.parameters),
            register=lambda engine, geometry=geometry, name=name: geometry.register(engine, name),
            accepts=geometry.accepts, is_table=geometry.is_table)


def geometry_of(module: nn.Module) -> Geometry | None:
    """None for a module that no block can stand for."""
    for base, make in GEOMETRIES.items():
        # A subclass with a forward of its own may do anything.
        if isinstance(module, base) and type(module).forward is base.forward:
            return None if parametrize.is_parametrized(module) else make(module)
    return None


def trainable(module: nn.Module, name: str) -> bool:
    parameter = module._parameters.get(name)
    return parameter is not None and parameter.requires_grad


def _linear(module: nn.Linear) -> Geometry | None:
    if not trainable(module, "weight"):
        return None
    bias = trainable(module, "bias")
    outputs, features = module.weight.shape
    return Geometry(
        ("weight", "bias") if bias else ("weight",),
        lambda engine, name: engine.add_linear(name, outputs, features, bias),
        lambda layer_input, output: layer_input.dim() >= 2)


def _convolution(module: nn.modules.conv._ConvNd) -> Geometry | None:
    padding = _padding(module)
    if not trainable(module, "weight") or module.padding_mode != "zeros" or padding is None:
        return None
    bias = trainable(module, "bias")
    shape, groups = list(module.weight.shape), module.groups
    stride, dilation = list(module.stride), list(module.dilation)
    rank = len(shape)
    return Geometry(
        ("weight", "bias") if bias else ("weight",),
        lambda engine, name: engine.add_convolution(name, shape, stride, padding, dilation, groups, bias),
        lambda layer_input, output: layer_input.dim() == rank)


def _transposed_convolution(module: nn.modules.conv._ConvTransposeNd) -> Geometry | None:
    if not trainable(module, "weight"):
        return None
    bias = trainable(module, "bias")
    shape, groups = list(module.weight.shape), module.groups
    stride, padding = list(module.stride), list(module.padding)
    output_padding, dilation = list(module.output_padding), list(module.dilation)

    def accepts(layer_input: Tensor, output: Tensor) -> bool:
        if layer_input.dim() != len(shape):
            return False
        # Its caller may ask for another output_size, which makes for another output_padding.
        expected = [(size - 1) * step - 2 * pad + gap * (kernel - 1) + extra + 1 for size, step, pad, gap, kernel, extra
                    in zip(layer_input.shape[2:], stride, padding, dilation, shape[2:], output_padding)]
        return list(output.shape[2:]) == expected

    return Geometry(
        ("weight", "bias") if bias else ("weight",),
        lambda engine, name: engine.add_transposed_convolution(
            name, shape, stride, padding, output_padding, dilation, groups, bias),
        accepts)


def _embedding(module: nn.Embedding) -> Geometry | None:
    # The one changes the weight while it is looked up, the others give gradients that are not sums over positions.
    if not trainable(module, "weight") or module.max_norm is not None or module.scale_grad_by_freq or module.sparse:
        return None
    count, width = module.weight.shape
    return Geometry(
        ("weight",), lambda engine, name: engine.add_embedding(name, count, width, module.padding_idx),
        lambda layer_input, output: layer_input.dim() >= 1, is_table=True)


def _padding(module: nn.modules.conv._ConvNd) -> list[int] | None:
    """None where it differs between the two ends of a dimension."""
    if module.padding == "valid":
        return [0] * len(module.kernel_size)
    if module.padding == "same":
        around = [dilation * (size - 1) for dilation, size in zip(module.dilation, module.kernel_size)]
        return None if any(width % 2 for width in around) else [width // 2 for width in around]
    return list(module.padding)


def _batch_norm(module: nn.modules.batchnorm._BatchNorm) -> Geometry | None:
    return _normalization(module, "batch", module.eps, accepts=lambda layer_input, output: layer_input.dim() >= 2)


def _group_norm(module: nn.GroupNorm) -> Geometry | None:
    return _normalization(module, "group", module.eps, accepts=lambda layer_input, output: layer_input.dim() >= 2,
                          groups=module.num_groups)


def _layer_norm(module: nn.LayerNorm) -> Geometry | None:
    rank = len(module.normalized_shape)
    return _normalization(module, "layer", module.eps, accepts=lambda layer_input, output: layer_input.dim() > rank)


def _rms_norm(module: nn.RMSNorm) -> Geometry | None:
    rank = len(module.normalized_shape)
    if module.weight is None:
        return None
    # torch's default depends on the type.
    epsilon = module.eps if module.eps is not None else torch.finfo(module.weight.dtype).eps
    return _normalization(module, "rms", epsilon, accepts=lambda layer_input, output: layer_input.dim() > rank)


def _normalization(module: nn.Module, kind: str, epsilon: float, accepts: Callable[[Tensor, Tensor], bool],
                   groups: int = 1) -> Geometry | None:
    names = tuple(name for name in ("weight", "bias") if trainable(module, name))
    if not names:
        return None
    shape = list(module._parameters[names[0]].shape)
    return Geometry(
        names,
        lambda engine, name: engine.add_normalization(
            name, kind, shape, groups, epsilon, "weight" in names, "bias" in names),
        accepts)


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
