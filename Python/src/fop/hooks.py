"""What hangs on a model's modules, parameters and graph, and calls a :class:`~fop.capture.Capture` while that lives."""

import contextlib
import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .layers import Layer
from .normalization import Statistics
from .saving import SavedTensor

if TYPE_CHECKING:
    from .capture import Capture


class Hooks:
    """The hooks that one capture has set, and what takes them off again."""

    def __init__(self) -> None:
        self.on_model: list[Any] = []
        self._layers: weakref.WeakKeyDictionary[nn.Module, tuple[LayerHook, Any]] = weakref.WeakKeyDictionary()
        self._on_parameters: list[Any] = []
        self._goings: list[weakref.finalize[..., nn.Module]] = []

    def follow(self, capture: "weakref.ref[Capture]", layers: "list[tuple[nn.Module, Layer]]") -> bool:
        """Sets hooks on these layers, and takes off those of others.

        Returns:
            Whether modules got hooks that had none.
        """
        before = dict(self._layers)
        has_new = False
        for module, layer in layers:
            if module in before:
                before.pop(module)[0].layer = layer
            else:
                hook = LayerHook(capture, layer)
                self._layers[module] = hook, module.register_forward_hook(hook, with_kwargs=True)
                has_new = True
        for module, (hook, handle) in before.items():
            hook.layer = None
            handle.remove()
            del self._layers[module]
        self._drop_those_on_parameters()
        for module, layer in layers:
            # After those of others, so that they see what these make of the gradients.
            on_parameters = [parameter.register_hook(ParameterHook(capture, layer, place))
                             for place, parameter in enumerate(layer.parameters)]
            self._on_parameters += on_parameters
            # The optimizer keeps parameters whose layer has gone.
            going = weakref.finalize(module, _remove, on_parameters)
            going.atexit = False
            self._goings.append(going)
        return has_new

    def _drop_those_on_parameters(self) -> None:
        _remove(self._on_parameters)
        for going in self._goings:
            going.detach()
        self._goings.clear()

    def remove(self) -> None:
        """Takes all off."""
        self._drop_those_on_parameters()
        _remove([handle for _, handle in self._layers.values()])
        self._layers.clear()
        _remove(self.on_model)


def _remove(handles: list[Any]) -> None:
    for handle in handles:
        handle.remove()
    handles.clear()


class _ModuleHook:
    """Copies and saved models get a hook that does nothing, and needs no fop to be loaded."""

    def __init__(self, capture: "weakref.ref[Capture]", look: Callable[..., None]):
        self._capture = capture
        self._look = look

    def __reduce__(self) -> tuple[Any, ...]:
        # A function of the standard library that takes anything and returns None.
        return getattr, (contextlib.nullcontext(), "__exit__")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return contextlib.nullcontext().__exit__


class LayerHook(_ModuleHook):
    """After a layer's forward."""

    def __init__(self, capture: "weakref.ref[Capture]", layer: Layer):
        super().__init__(capture, outside_graphs(_look_at_layer))
        self.layer: Layer | None = layer
        """None once it has no block any more."""

    def __call__(self, module: nn.Module, arguments: tuple[Any, ...], *results: Any) -> None:
        # Without keywords when this was removed while the module ran, as garbage collection may do.
        if len(results) == 2 and torch.is_grad_enabled() and not _is_transformed():
            keywords, output = results
            self._look(self._capture, self, module, arguments, keywords, output)


class ModelHook(_ModuleHook):
    """Before (without results) or after the whole model's forward."""

    def __init__(self, capture: "weakref.ref[Capture]"):
        super().__init__(capture, outside_graphs(_look_at_model))

    def __call__(self, module: nn.Module, arguments: tuple[Any, ...], *results: Any) -> None:
        if torch.is_grad_enabled() and not _is_transformed():
            self._look(self._capture, results)


@functools.cache
def outside_graphs(look: Callable[..., None]) -> Callable[..., None]:
    """The same, where torch.compile breaks its graph: it traces the hooks of modules, and in a graph the hooks that
    they put on tensors are lost."""
    return torch.compiler.disable(
        look, reason="fop looks at what passes through the layers, so fullgraph=True is not possible")


def _look_at_layer(reference: "weakref.ref[Capture]", hook: LayerHook, module: nn.Module, arguments: tuple[Any, ...],
                   keywords: dict[str, Any], output: Any) -> None:
    capture = reference()
    if capture is None:
        return
    capture.begin_forward(False)
    if hook.layer is not None:
        capture.observe(hook.layer, module, arguments[0] if arguments else keywords.get("input"), output)


def _look_at_model(reference: "weakref.ref[Capture]", results: tuple[Any, ...]) -> None:
    capture = reference()
    if capture is None:
        return
    if results:
        capture.predicted(results[0])
    else:
        capture.begin_forward(True)


def _is_transformed() -> bool:
    """While a model is exported or traced, or within torch.func.grad or vmap, no `.grad` comes of what passes."""
    # Not is_exporting(): in code that torch 2.10 compiles it is always true.
    return torch.compiler._is_exporting_flag or torch.jit.is_tracing() or torch._C._are_functorch_transforms_active()


class OutputHook:
    """Waits in the graph for the gradient of one call's output."""

    __slots__ = ("_capture", "_layer", "_input", "_shape", "_accumulator", "_statistics", "_recomputed_in")

    def __init__(self, capture: "weakref.ref[Capture]", layer: Layer, layer_input: SavedTensor, shape: torch.Size,
                 accumulator: Any, statistics: Statistics | None):
        self._capture = capture
        self._layer = layer
        self._input: SavedTensor | None = layer_input
        self._shape = shape
        """Of the layer's output."""
        self._accumulator = accumulator
        self._statistics = statistics
        self._recomputed_in = torch._C._current_graph_task_id()

    def __call__(self, gradient: Tensor) -> None:
        capture, layer_input = self._capture(), self._input
        if capture is None or layer_input is None:
            return
        if not torch._C._autograd._get_current_graph_task_keep_graph():
            # The graph lives as long as the loss, and the input with it.
            self._input = None
        capture.record(self._layer, layer_input, gradient.reshape(self._shape), self._accumulator, self._statistics,
                       self._recomputed_in)


class ParameterHook:
    """Sees a parameter's gradient of each backward pass."""

    __slots__ = ("_capture", "_layer", "_place")

    __torch_unserializable__ = True
    """Parameters go to other processes without it, which torch need not warn of."""

    def __init__(self, capture: "weakref.ref[Capture]", layer: Layer, place: int):
        self._capture = capture
        self._layer = layer
        self._place = place

    def __call__(self, gradient: Tensor) -> None:
        capture = self._capture()
        if capture is not None:
            capture.total(self._layer, self._place, gradient)
