"""Brings what passes through a model's layers to the engine: inputs by forward hooks, output gradients by hooks on the
outputs, and each backward pass's own weight gradients by hooks on the parameters."""

import contextlib
import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .amp import without_autocast
from .engine import Engine
from .fisher import drawn_gradient, find_logits
from .layers import Layer
from .normalization import Statistics, known_statistics
from .saving import SavedTensor, save
from .state import place_curvature


class Capture:
    """Hooks on the layers, for as long as this object lives. The layers hold it weakly."""

    def __init__(self, modules: Sequence[nn.Module], layers: Sequence[Layer], engine: Engine,
                 intervals: Callable[[], tuple[int, int]], find_processes: Callable[[], None]):
        self.layers = layers
        self.engine = engine
        self._intervals = intervals
        self._find_processes = find_processes
        self._handles: list[Any] = []
        # Not __del__: when this goes as part of a cycle, the handles' own weak references may be gone before.
        self._finalizer = weakref.finalize(self, _remove, self._handles)
        self._task = -1
        """The backward pass under way, or the last one."""
        self._running: weakref.ref[_Pass] | None = None
        self._outer: dict[int, int] = {}
        """Backward passes within it, as reentrant checkpoints make them, and the one that they belong to."""
        self._totals: dict[int, dict[int, Tensor]] = {}
        """Of the pass under way: what has come of the gradients of layers that were recorded."""
        self._complete: set[int] = set()
        """Layers with records and totals since the last step."""
        self.ever_recorded: set[int] = set()
        self.unexplained: set[int] = set()
        """Layers whose gradients are not what passes through them says: they are observed no more."""
        self.shared: set[int] = set()
        """Of these, tables that are looked up once for all examples, as positions are."""
        self.idle: set[int] = set()
        """Layers that were called on no examples, once at least."""
        self._examples: int | None = None
        """Of the pass under way, as the first layer that it came to says."""
        self._homes: dict[int, tuple[torch.device, torch.dtype]] = {}
        """Where each layer was, and in which type, when it was called last."""
        self._distribution: str | None = None
        self._reduction = "mean"
        self._edges: list[Any] = []
        """The outputs of the forward pass under way, for a backward pass from drawn labels."""
        self._drawing_scale: float | None = None
        self._has_begun = False
        own = weakref.ref(self)
        # Code that was compiled before would go on without hooks.
        torch.compiler.reset()
        look = outside_graphs()
        for index, (module, layer) in enumerate(zip(modules, layers)):
            self._handles.append(module.register_forward_hook(ForwardHook(own, index, look), with_kwargs=True))
            on_parameters = [parameter.register_hook(ParameterHook(own, index, place))
                             for place, parameter in enumerate(layer.parameters)]
            self._handles += on_parameters
            # The optimizer keeps parameters whose layer has gone.
            weakref.finalize(module, _remove, on_parameters).atexit = False

    def remove(self) -> None:
        """Takes the hooks off."""
        self._finalizer()

    # What the hooks call.

    def observe(self, index: int, module: nn.Module, layer_input: Any, output: Any) -> None:
        """After a layer's forward."""
        if not (isinstance(output, Tensor) and output.requires_grad and isinstance(layer_input, Tensor)):
            return
        layer = self.layers[index]
        if index in self.unexplained or not layer.trains or not layer.accepts(layer_input, output):
            return
        if getattr(module, "_is_replica", False):
            raise RuntimeError("fop: nn.DataParallel splits batches over copies of the model, which cannot be observed: "
                               "use DistributedDataParallel")
        self._find_processes()
        if layer_input.numel() == 0:
            # An empty batch, or an expert that no token was sent to.
            self.idle.add(index)
            return
        self._follow(index, layer)
        accumulator = _accumulator(layer.parameters[0])
        produced = _produced(output)
        if self._distribution is not None:
            # The node, as the tensor may be changed in place later.
            self._edges.append(torch.autograd.graph.get_gradient_edge(produced))
        statistics = known_statistics(module, output)
        produced.register_hook(
            OutputHook(weakref.ref(self), index, save(layer_input), output.shape, accumulator, statistics))

    def _follow(self, index: int, layer: Layer) -> None:
        """A model that was moved, or changed its type, takes its curvature along."""
        home = layer.parameters[0].device, layer.parameters[0].dtype
        if self._homes.setdefault(index, home) != home:
            self.discard()
            self.engine.load(place_curvature(self.engine.state(), self.layers))
            self._homes.clear()

    def record(self, index: int, saved: SavedTensor, output_gradient: Tensor, accumulator: Any,
               statistics: Statistics | None, recomputed_in: int) -> None:
        """When the gradient of a layer's output is known."""
        if self._drawing_scale is not None:
            gradient = output_gradient.detach()
            gradient = (gradient if gradient.dtype == torch.float64 else gradient.float()) / self._drawing_scale
            layer_input = saved.get()
            if layer_input is not None:
                with without_autocast(gradient.device):
                    self.engine.record(index, layer_input, gradient, *(statistics or ()))
            return
        # A pass that leaves no weight gradient behind (torch.autograd.grad) is not one of the training loop's.
        if not _will_accumulate(accumulator):
            return
        task = self._outermost(torch._C._current_graph_task_id(), recomputed_in)
        if task != self._task:
            self._begin(task)
            self._examples = None if self.layers[index].is_table else len(output_gradient)
        layer_input = saved.get()
        if layer_input is None:
            return
        if self.layers[index].is_table and self._examples not in (None, len(output_gradient)):
            # Nothing tells the halves apart.
            self.unexplained.add(index)
            self.shared.add(index)
            self.engine.discard(index)
        if index in self.unexplained:
            return
        with without_autocast(output_gradient.device):
            self.engine.record(index, layer_input, output_gradient.detach(), *(statistics or ()))
        self._totals.setdefault(index, {})
        self._complete.discard(index)

    def total(self, index: int, place: int, gradient: Tensor) -> None:
        """When the gradient of a parameter from the pass under way is known, before it is added to `.grad`."""
        totals = self._totals.get(index)
        task = torch._C._current_graph_task_id()
        if totals is None or self._outer.get(task, task) != self._task:
            return
        totals[place] = gradient.detach()
        if len(totals) == len(self.layers[index].parameters):
            del self._totals[index]
            with without_autocast(gradient.device):
                agrees = self.engine.complete(index, [totals[place] for place in range(len(totals))])
            if agrees:
                self._complete.add(index)
                self.ever_recorded.add(index)
            else:
                self.unexplained.add(index)

    def _outermost(self, task: int, recomputed_in: int) -> int:
        """The loop's own backward pass, which a pass within it is part of: it goes through what was recomputed in
        another one (-1: not recomputed)."""
        if recomputed_in != -1 and recomputed_in != task:
            self._outer[task] = self._outer.get(recomputed_in, recomputed_in)
        return self._outer.get(task, task)

    def _begin(self, task: int) -> None:
        if self._running is not None and self._running() is not None:
            raise RuntimeError("fop: a backward pass through this model began before another one had ended (from several "
                               "threads, or from within it), so their gradients cannot be told apart: let one follow "
                               "the other")
        # Lives as long as the pass, also where that fails.
        running = _Pass()
        torch.autograd.Variable._execution_engine.queue_callback(running)
        self._running = weakref.ref(running)
        self._drop_zeroed()
        for index in self._totals:
            self.engine.discard(index)
        self._totals = {}
        self._task = task
        self._outer = {inner: outer for inner, outer in self._outer.items() if outer == task}
        if not self._has_begun:
            self.engine.begin_micro_batch(*self._intervals())
        self._has_begun = False

    def _drop_zeroed(self) -> None:
        """Somebody may have zeroed the gradients without this optimizer's `zero_grad`."""
        weights = [self.layers[index].parameters[0].grad for index in self._complete if not self._lacks_gradient(index)]
        # The first one that is not zero ends the search.
        if self._complete and not any(weight.any() for weight in weights):
            return self.discard()
        for index in [index for index in self._complete if self._lacks_gradient(index)]:
            self.engine.discard(index)
            self._complete.discard(index)

    def _lacks_gradient(self, index: int) -> bool:
        return any(parameter.grad is None for parameter in self.layers[index].parameters)

    # Labels drawn from the predictions.

    def draw_from(self, model: nn.Module, distribution: str, reduction: str) -> None:
        """Has every forward pass of the model followed by a backward pass from drawn labels, when curvature is due."""
        self._distribution, self._reduction = distribution, reduction
        hook = ForwardHook(weakref.ref(self), None, outside_graphs())
        self._handles.append(model.register_forward_hook(hook, with_kwargs=True))

    def predicted(self, output: Any) -> None:
        """After the model's forward."""
        edges, self._edges = self._edges, []
        logits = find_logits(output)
        if logits is None:
            raise ValueError(f"fisher='mc' needs logits and the model returned {type(output).__name__}: return a "
                             "tensor, or something with .logits, or use fisher='empirical'")
        if not (logits.requires_grad and edges):
            return
        if self._has_begun and not self._complete:
            # The last forward pass was not followed by a backward pass.
            self.discard()
        wants_draws = self.engine.begin_micro_batch(*self._intervals())
        self._has_begun = True
        if not wants_draws:
            return
        # The examples' own derivatives pass through the layers, which float16 can hold; the mean over the batch, 1 / N,
        # is made of them afterwards.
        self._drawing_scale = float(logits.shape[0]) if self._reduction == "mean" else 1.0
        self.engine.begin_pass(True)
        try:
            drawn = drawn_gradient(logits, self._distribution or "", self._reduction)
            torch.autograd.grad([logits], edges, drawn, retain_graph=True, allow_unused=True)
        finally:
            self._drawing_scale = None
            self.engine.begin_pass(False)

    # What the optimizer calls.

    @property
    def recorded(self) -> set[int]:
        """The layers whose record since the last step is whole."""
        return self._complete - set(self._totals)

    def discard(self) -> None:
        """Lets go of what was gathered since the last step."""
        self.engine.discard()
        self.forget()

    def forget(self) -> None:
        """After a step, which has used up what the engine gathered."""
        self._totals = {}
        self._complete = set()
        self._task = -1
        self._outer = {}
        self._has_begun = False


def _remove(handles: list[Any]) -> None:
    for handle in handles:
        handle.remove()
    handles.clear()


def _will_accumulate(accumulator: Any) -> bool:
    """Whether the backward pass under way adds to the parameter's gradient."""
    try:
        return torch._C._will_engine_execute_node(accumulator)
    except RuntimeError:
        # torch.autograd.grad with respect to the parameter returns what would have been added.
        return False


def _accumulator(parameter: nn.Parameter) -> Any:
    """The node of the graph that adds to the parameter's gradient. Asked for each time: it changes with `.to()`."""
    return parameter.view_as(parameter).grad_fn.next_functions[0][0]


def _produced(output: Tensor) -> Tensor:
    """What the layer computed. A linear layer's output for more than two dimensions can be a view of it, and an operator
    that changes a view in place leads the backward pass past the view and its hooks."""
    base = output._base if output._is_view() else None
    if base is None or not base.requires_grad or base.is_leaf or base.numel() != output.numel():
        return output
    return base if base.is_contiguous() and output.is_contiguous() else output


@functools.cache
def outside_graphs() -> Callable[..., None]:
    """:func:`look`, where torch.compile breaks its graph: it traces the hooks of modules, and in a graph the hooks that
    they put on tensors are lost."""
    return torch.compiler.disable(
        look, reason="fop looks at what passes through the layers, so fullgraph=True is not possible")


def look(reference: "weakref.ref[Capture]", index: int | None, module: nn.Module, arguments: tuple[Any, ...],
         keywords: dict[str, Any], output: Any) -> None:
    """What a forward hook is for."""
    capture = reference()
    if capture is None:
        return
    if index is None:
        return capture.predicted(output)
    layer_input = arguments[0] if arguments else keywords.get("input")
    capture.observe(index, module, layer_input, output)


def _is_transformed() -> bool:
    """While a model is exported or traced, or within torch.func.grad or vmap, no `.grad` comes of what passes."""
    # Not is_exporting(): in code that torch 2.10 compiles it is always true.
    return torch.compiler._is_exporting_flag or torch.jit.is_tracing() or torch._C._are_functorch_transforms_active()


class _Pass:
    """A backward pass under way: autograd holds this, and calls it at the end."""

    def __call__(self) -> None:
        pass


class ForwardHook:
    """Copies and saved models get a hook that does nothing, and needs no fop to be loaded."""

    def __init__(self, capture: "weakref.ref[Capture]", index: int | None, look: Callable[..., None]):
        self._capture = capture
        self._index = index
        """Of the layer; None for the model itself."""
        self._look = look

    def __call__(self, module: nn.Module, arguments: tuple[Any, ...], *results: Any) -> None:
        # Without keywords when this was removed while the module ran, as garbage collection may do.
        if len(results) == 2 and torch.is_grad_enabled() and not _is_transformed():
            keywords, output = results
            self._look(self._capture, self._index, module, arguments, keywords, output)

    def __reduce__(self) -> tuple[Any, ...]:
        # A function of the standard library that takes anything and returns None.
        return getattr, (contextlib.nullcontext(), "__exit__")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return contextlib.nullcontext().__exit__


class OutputHook:
    """Waits in the graph for the gradient of one call's output."""

    __slots__ = ("_capture", "_index", "_input", "_shape", "_accumulator", "_statistics", "_recomputed_in")

    def __init__(self, capture: "weakref.ref[Capture]", index: int, layer_input: SavedTensor, shape: torch.Size,
                 accumulator: Any, statistics: Statistics | None):
        self._capture = capture
        self._index = index
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
        capture.record(self._index, layer_input, gradient.reshape(self._shape), self._accumulator, self._statistics,
                       self._recomputed_in)


class ParameterHook:
    """Sees a parameter's gradient of each backward pass."""

    __slots__ = ("_capture", "_index", "_place")

    __torch_unserializable__ = True
    """Parameters go to other processes without it, which torch need not warn of."""

    def __init__(self, capture: "weakref.ref[Capture]", index: int, place: int):
        self._capture = capture
        self._index = index
        self._place = place

    def __call__(self, gradient: Tensor) -> None:
        capture = self._capture()
        if capture is not None:
            capture.total(self._index, self._place, gradient)
