"""Which layers have a block at the moment. It follows what is frozen, unfrozen, tied, replaced or hooked between steps."""

from collections.abc import Container, Iterable

from torch import nn

from .coverage import METHODS
from .engine import Engine
from .hooks import ParameterHook
from .layers import Layer, find_layers


def signature(model: nn.Module) -> list[int]:
    """What the plan depends on, at the cost of a walk through the modules: which parameters there are and where, whether
    they train, and how many hooks of others see their gradients."""
    found: list[int] = []
    seen = set()
    waiting = [model]
    while waiting:
        module = waiting.pop()
        if module is None or module in seen:
            continue
        seen.add(module)
        found.append(len(module._parameters))
        for parameter in module._parameters.values():
            if parameter is not None:
                hooks = parameter._backward_hooks
                # Other optimizers of the same model come and go.
                foreign = sum(type(hook) is not ParameterHook for hook in hooks.values()) if hooks else 0
                found += (id(parameter), parameter.requires_grad, foreign)
        waiting.extend(module._modules.values())
    return found


def plan(model: nn.Module, trained: Container[nn.Parameter], engine: Engine,
         before: Iterable[Layer]) -> list[tuple[nn.Module, Layer]]:
    """Makes the blocks of a model's layers, in the engine's order; where nothing has changed about a layer it keeps
    its block, and the curvature in it.

    Args:
        trained: the parameters that the optimizer is to update.
        before: the layers that have blocks now.
    """
    places = {(layer.name, layer.parameters): (index, layer) for index, layer in enumerate(before)}
    kept, new = [], []
    for module, layer in find_layers(model, trained):
        index, old = places.get((layer.name, layer.parameters), (-1, layer))
        if index >= 0 and old.geometry == layer.geometry:
            kept.append((index, module, old))
        else:
            new.append((module, layer))
    engine.retain([index for index, _, _ in kept])
    found = [(module, layer) for _, module, layer in kept]
    for module, layer in new:
        index, kind = layer.register(engine)
        if index >= 0:
            layer.method = METHODS[kind]
            found.append((module, layer))
    return found
