"""Brings what passes through a model's layers to the engine: inputs by forward hooks, output gradients by hooks on the
outputs, and each backward pass's own weight gradients by hooks on the parameters."""

import functools
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .amp import without_autocast
from .engine import Engine
from .fisher import find_logits, noise_for
from .hooks import Hooks, ModelHook, OutputHook
from .layers import Layer
from .normalization import Statistics, known_statistics
from .saving import SavedTensor, save
from .state import place_curvature
from .watch import MemoryWatch


class Capture:
    """Hooks on the layers, for as long as this object lives. The layers hold it weakly."""

    def __init__(self, model: nn.Module, engine: Engine, intervals: Callable[[], tuple[int, int]],
                 find_processes: Callable[[], None], follow_model: Callable[[], None], watch: MemoryWatch):
        self.layers: list[Layer] = []
        """In the order of the engine's blocks."""
        self.engine = engine
        self._model = weakref.ref(model)
        self._intervals = intervals
        self._find_processes = find_processes
        self._follow_model = follow_model
        self._indices: dict[Layer, int] = {}
        self._hooks = Hooks()
        # Not __del__: when this goes as part of a cycle, the handles' own weak references may be gone before.
        self._finalizer = weakref.finalize(self, self._hooks.remove)
        self._has_looked = False
        """Whether it was seen since the last step if the model had changed."""
        self._task = -1
        """The backward pass under way, or the last one."""
        self._running: weakref.ref[_Pass] | None = None
        self._outer: dict[int, int] = {}
        """Backward passes within it, as reentrant checkpoints make them, and the one that they belong to."""
        self._totals: dict[int, dict[int, Tensor]] = {}
        """Of the pass under way: what has come of the gradients of layers that were recorded."""
        self._complete: set[int] = set()
        """Layers with records and totals since the last step."""
        self._examples: int | None = None
        """Of the pass under way, as the first layer that it came to says."""
        self._distribution: str | None = None
        self._reduction = "mean"
        self._edges: list[Any] = []
        """The outputs of the forward pass under way, for a backward pass from drawn labels."""
        self._drawing_scale: float | None = None
        self._has_begun = False
        self._observes_model = False
        self._watch = watch
        self._has_statistics = False
        """Whether there can be statistics among what the pass under way brings, where that matters to memory."""
        self.new: set[Layer] = set()
        """Layers that came to be observed since the last step, whose calls may have been missed."""

    def follow(self, found: list[tuple[nn.Module, Layer]]) -> None:
        """Observes these layers, in the order of the engine's blocks, from now on; between steps."""
        self.discard()
        self._has_looked = True
        self.layers = [layer for _, layer in found]
        self.new = {layer for layer in self.layers if layer not in self._indices}
        self._indices = {layer: index for index, layer in enumerate(self.layers)}
        for layer in self.layers:
            # They may have been tied, or have hooks, only now or no longer.
            layer.is_unexplained = layer.is_shared = False
        if self._hooks.follow(weakref.ref(self), found):
            # Code that was compiled before would go on without hooks.
            torch.compiler.reset()
        model = self._model()
        if found and model is not None and not self._observes_model:
            self._observes_model = True
            self._hooks.on_model.append(model.register_forward_pre_hook(ModelHook(weakref.ref(self))))

    def remove(self) -> None:
        """Takes the hooks off."""
        self._finalizer()

    # What the hooks call.

    def begin_forward(self, is_whole: bool) -> None:
        """Before the whole model's forward, and after each layer's."""
        if is_whole and not self._complete and not self._totals:
            self._has_looked = False
        # Not within a backward pass, where a checkpoint computes forward passes again.
        if not self._has_looked and torch._C._current_graph_task_id() == -1:
            self._has_looked = True
            self._follow_model()

    def observe(self, layer: Layer, module: nn.Module, layer_input: Any, output: Any) -> None:
        """After a layer's forward."""
        if not (isinstance(output, Tensor) and output.requires_grad and isinstance(layer_input, Tensor)):
            return
        if layer.is_unexplained or not layer.trains or not layer.geometry.accepts(layer_input, output):
            return
        if getattr(module, "_is_replica", False):
            raise RuntimeError("fop: nn.DataParallel splits batches over copies of the model, which cannot be observed: "
                               "use DistributedDataParallel")
        self._find_processes()
        if layer_input.numel() == 0:
            # An empty batch, or an expert that no token was sent to.
            layer.was_idle = True
            return
        self._move_along(layer)
        self._watch.look()
        accumulator = _accumulator(layer.parameters[0])
        produced = _produced(output)
        if self._distribution is not None:
            # The node, as the tensor may be changed in place later.
            self._edges.append(torch.autograd.graph.get_gradient_edge(produced))
        statistics = known_statistics(
            module, output, functools.partial(self.engine.running_statistics, self._indices[layer]))
        produced.register_hook(
            OutputHook(weakref.ref(self), layer, save(layer_input), output.shape, accumulator, statistics))

    def _move_along(self, layer: Layer) -> None:
        """A model that was moved, or changed its type, takes its curvature along."""
        home = layer.parameters[0].device, layer.parameters[0].dtype
        if layer.home is not None and layer.home != home:
            self.discard()
            self.engine.load(place_curvature(self.engine.state(), self.layers))
            for other in self.layers:
                other.home = None
        layer.home = home

    def record(self, layer: Layer, saved: SavedTensor, output_gradient: Tensor, accumulator: Any,
               statistics: Statistics | None, recomputed_in: int) -> None:
        """When the gradient of a layer's output is known."""
        index = self._indices.get(layer)
        if index is None:
            # Its block has gone since the forward pass.
            return
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
            self._examples = None if layer.geometry.is_table else len(output_gradient)
        layer_input = saved.get()
        if layer_input is None:
            return
        if layer.geometry.is_table and self._examples not in (None, len(output_gradient)):
            # Nothing tells the halves apart.
            layer.is_unexplained = layer.is_shared = True
            self.engine.discard(index)
        if layer.is_unexplained:
            return
        if self._has_statistics:
            self._watch.before_statistics(layer)
        with without_autocast(output_gradient.device):
            self.engine.record(index, layer_input, output_gradient.detach(), *(statistics or ()))
        self._watch.look()
        self._totals.setdefault(index, {})
        self._complete.discard(index)

    def total(self, layer: Layer, place: int, gradient: Tensor) -> None:
        """When the gradient of a parameter from the pass under way is known, before it is added to `.grad`."""
        index = self._indices.get(layer, -1)
        totals = self._totals.get(index)
        task = torch._C._current_graph_task_id()
        if totals is None or self._outer.get(task, task) != self._task:
            return
        # Before the others have come, this one's memory may already be that of a `.grad` which a hook changes.
        is_changed = layer.parameters[place]._post_accumulate_grad_hooks
        totals[place] = gradient.detach().clone() if is_changed else gradient.detach()
        if len(totals) == len(layer.parameters):
            del self._totals[index]
            with without_autocast(gradient.device):
                agrees = self.engine.complete(index, [totals[place] for place in range(len(totals))])
            if agrees:
                self._complete.add(index)
                layer.was_recorded = True
            else:
                layer.is_unexplained = True

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
        self._has_statistics = self._watch.is_on and self.engine.gathered()[1]

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
        self._hooks.on_model.append(model.register_forward_hook(ModelHook(weakref.ref(self))))

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
            with without_autocast(logits.device):
                drawn = self.engine.drawn_gradient(
                    logits.detach(), noise_for(logits, self._distribution), self._distribution, self._drawing_scale)
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
        self._has_looked = False
        self.new = set()


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


class _Pass:
    """A backward pass under way: autograd holds this, and calls it at the end."""

    def __call__(self) -> None:
        pass
