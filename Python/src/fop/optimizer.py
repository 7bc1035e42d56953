"""The optimizers."""

import contextlib
import warnings
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from . import amp, state
from ._library import operators
from .arguments import Interval, check_choice, check_finite, check_group, interval_now, interval_text, number_text
from .capture import Capture
from .coverage import Coverage, rows
from .distributed import Choice, check_whole
from .engine import Engine
from .groups import check_parameters, fallback_scale, groups_of
from .layers import Layer
from .memory import keep_freed_memory
from .names import clean_name
from .notices import Notices
from .plan import plan, signature
from .processes import Processes
from .update import Update, apply
from .watch import MemoryWatch


class FOP(torch.optim.Optimizer):
    """Fisher-Orthogonal Projection (Lu & Armour, AAAI 2026, arXiv 2508.13898).

    Natural-gradient steps of the K-FAC family that compare the gradients of the batch's two halves, which come from
    the loop's own forward and backward pass. The loop stays as it is::

        optimizer = fop.FOP(model, lr=0.1)      # instead of torch.optim.SGD(model.parameters(), lr=0.1)
        loss.backward(); optimizer.step(); optimizer.zero_grad()

    Several backward passes before a step are micro-batches, whose losses are taken to add up to the mean over all
    examples (divide each by their number); they are the sub-batches then. Each layer's first dimension is the examples.

    Args:
        model: its layers are observed from now on, until the optimizer goes. An output of a layer that is not called
            as a module cannot be observed; such layers, and all of other kinds, are updated by the fallback. See
            :meth:`coverage`.
        lr: the step size, 0 or more, read from ``param_groups`` at each step.
        momentum: heavy-ball momentum on the preconditioned direction; 0 to below 1.
        weight_decay: decoupled: W <- W - lr (m + weight_decay W).
        damping: lambda, added to the Fisher blocks; "auto" is 40 over the size of the largest batch so far, from 0.001
            to 0.1.
        kl_clip: the trust region kappa; None for none.
        ema_decay: the share that the factors' moving average keeps at an update; 0 to below 1.
        factor_interval: steps between updates of the factors: a number, a function of the step, or "auto" (about every
            25,600 examples, 5 steps at least, and at steps 0, 1, 2, 4, 8 and so on before that).
        inverse_interval: the same for their inverses.
        stagger_curvature: whether each layer has a step of the interval of its own at which its factors and inverse are
            updated, so that all steps take about the same time, instead of one step that updates all of them.
        fisher: "empirical" (the true labels), or "mc" (labels drawn from the model's predictions: one more backward
            pass when factors are updated; the model returns logits, or something with ``.logits``).
        fisher_distribution: what "mc" draws from: "categorical" (cross entropy over the last dimension), "bernoulli"
            (binary cross entropy of scores before a sigmoid), or "gaussian" (squared error).
        beta: the weight of the orthogonal correction: "paper" (equation 16), "zero" (K-FAC), or a number.
        eta: the length of the step (equation 17): "average", "sum", or "off" (always 1).
        metric: in which the halves' difference is made orthogonal: "fisher", or "damped" with the damping.
        kfac_approx: for weights used at several positions: "expand", or "reduce".
        fallback: the rule for everything else: "sgd" (with ``momentum``), or "adamw".
        fallback_lr: its learning rate where that is not ``lr``; it follows the schedule in proportion.
        loss_reduction: what the loss does with the examples' losses: "mean", or "sum".
        block: the Fisher blocks of layers with a weight: "kronecker", "ekfac" (second moments of its own in the factors'
            eigenbasis; George et al. 2018), or "diagonal" (the mean squares of each example's own gradient).
        max_factor_dim: factors with more rows than this are split into blocks along their diagonal.
        max_vocabulary: linear layers with more outputs than this, and embeddings of more vectors, are the fallback's.
        process_group: the processes that train the model together, the even ranks as one half of the batch and the odd
            ones as the other: "auto" (those of the DistributedDataParallel around the model), None (each has a model of
            its own), or a group, for loops that average the gradients themselves.
        params: parameters in groups of their own, as torch.optim takes them; those in none get the arguments above.

    Raises:
        ValueError: names what is out of range and what is legal.
    """

    _step_supports_amp_scaling = True

    def __init__(
        self,
        model: nn.Module,
        lr: float | Tensor,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        *,
        damping: float | Literal["auto"] = "auto",
        kl_clip: float | None = 1e-2,
        ema_decay: float = 0.9,
        factor_interval: Interval = "auto",
        inverse_interval: Interval = "auto",
        stagger_curvature: bool = False,
        fisher: Literal["empirical", "mc"] = "empirical",
        fisher_distribution: Literal["categorical", "bernoulli", "gaussian"] = "categorical",
        beta: Literal["paper", "zero"] | float = "paper",
        eta: Literal["average", "sum", "off"] = "average",
        metric: Literal["fisher", "damped"] = "fisher",
        kfac_approx: Literal["expand", "reduce"] = "expand",
        fallback: Literal["sgd", "adamw"] = "sgd",
        fallback_lr: float | None = None,
        loss_reduction: Literal["mean", "sum"] = "mean",
        block: Literal["kronecker", "ekfac", "diagonal"] = "kronecker",
        max_factor_dim: int = 8192,
        max_vocabulary: int = 30_000,
        process_group: Choice = "auto",
        params: Iterable[Any] | None = None,
    ):
        if not isinstance(model, nn.Module):
            raise TypeError(f"FOP takes the model itself, not {type(model).__name__}: fop.FOP(model, lr=...)")
        check_parameters(model)
        check_whole(model)
        check_group({"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        check_choice("fallback", fallback, "sgd", "adamw")
        check_choice("fisher_distribution", fisher_distribution, "categorical", "bernoulli", "gaussian")
        engine = Engine({
            "damping": number_text("damping", damping, "auto"),
            "kl_clip": None if kl_clip is None else number_text("kl_clip", kl_clip, none=True),
            "ema_decay": number_text("ema_decay", ema_decay),
            "factor_interval": interval_text("factor_interval", factor_interval),
            "inverse_interval": interval_text("inverse_interval", inverse_interval),
            "stagger_curvature": stagger_curvature, "fisher": fisher, "block": block,
            "beta": number_text("beta", beta, "paper", "zero"),
            "max_factor_dim": max_factor_dim, "max_vocabulary": max_vocabulary,
            "eta": eta, "metric": metric, "kfac_approx": kfac_approx, "loss_reduction": loss_reduction,
        })
        self._engine = engine
        self._processes = Processes(process_group, engine, loss_reduction)
        self._names = {parameter: clean_name(name) for name, parameter in model.named_parameters()}
        self._fallback_rule = "adamw" if fallback == "adamw" else "momentum"
        self._loss_reduction = loss_reduction
        self._intervals = (factor_interval, inverse_interval)
        self._skipped: Tensor | None = None
        self._notices = Notices()
        self._spent: _Spent | None = None
        self._signature: list[int] | None = None
        self._defaults = {
            "lr": lr, "momentum": momentum, "weight_decay": weight_decay,
            "fallback_scale": fallback_scale(fallback_lr, lr),
        }
        super().__init__(groups_of(model, params), dict(self._defaults))
        is_on_cpu = any(parameter.device.type == "cpu" for parameter in self._names)
        self._watch = MemoryWatch(keep_freed_memory() if is_on_cpu else None)

        self._model = weakref.ref(model)
        self._capture = Capture(model, engine, self._intervals_now, self._processes.find, self._follow_model,
                                self._watch)
        self._follow_model()
        self._capture.forget()
        if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
            warnings.warn("fop: scripted modules cannot be observed, so the fallback updates their parameters: make the "
                          "optimizer of the model before torch.jit.script or torch.jit.trace", stacklevel=2)
        if fisher == "mc":
            self._capture.draw_from(model, fisher_distribution, loss_reduction)

    # Settings.

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters with settings of their own. Those that are not part of the model are the fallback's."""
        if isinstance(param_group, dict):
            check_group({**self.defaults, **param_group})
        super().add_param_group(param_group)
        self._signature = None
        group = self.param_groups[-1]
        for place, parameter in enumerate(group["params"]):
            self._names.setdefault(parameter, f"group{len(self.param_groups) - 1}.{place}")

    def _intervals_now(self) -> tuple[int, int]:
        step = self._engine.counts()["steps"] if any(map(callable, self._intervals)) else 0
        factors, inverses = self._intervals
        return (interval_now("factor_interval", factors, step), interval_now("inverse_interval", inverses, step))

    # The model.

    @property
    def _layers(self) -> list[Layer]:
        """Those with blocks, in the engine's order."""
        return self._capture.layers

    def _follow_model(self) -> None:
        """Gives blocks to what trains now and has none, and takes those of what does not train, or is shared, away:
        where the model has changed since the last step."""
        model = self._model()
        found = signature(model) if model is not None else None
        if model is None or found == self._signature:
            return
        self._capture.discard()
        before = self._parameters_of(range(len(self._layers)))
        trained = {parameter for group in self.param_groups for parameter in group["params"]}
        self._capture.follow(plan(model, trained, self._engine, self._layers))
        for parameter in before ^ self._parameters_of(range(len(self._layers))):
            self._forget_buffers(parameter)
        self._watch.follow(self._layers, self._engine.state_shapes())
        self._signature = found

    def _forget_buffers(self, parameter: nn.Parameter) -> None:
        """Momentum of directions is none of gradients, and the other way round."""
        self.state.pop(parameter, None)

    # The step.

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Resets the gradients, and lets go of what was gathered for them."""
        super().zero_grad(set_to_none)
        self._capture.discard()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates every parameter that has a gradient. A step with anything that is not finite changes nothing.

        Gradients that no backward pass was seen for since the last step (a second step along the same ones, `.grad` set
        by the loop) take K-FAC's step: nothing is known of their halves.

        Args:
            closure: computes the loss again, with its backward pass; called once, before the step.

        Returns:
            What the closure returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with contextlib.ExitStack() as stack:
            for device in {parameter.device for group in self.param_groups for parameter in group["params"]}:
                stack.enter_context(amp.without_autocast(device))
            self._take_step()
        self._watch.look()
        return loss

    def _take_step(self) -> None:
        groups = {parameter: group for group in self.param_groups for parameter in group["params"]}
        gradients = {parameter: parameter.grad for parameter in groups if parameter.grad is not None}
        self._notices.of_strangers(self._model(), groups)
        self._processes.check(self._model(), bool(gradients and self._layers))
        check_finite(self.param_groups)
        # What was gathered belongs to the model as it was.
        self._follow_model()
        if not gradients:
            self._capture.discard()
            return
        for parameter, gradient in gradients.items():
            if gradient.is_sparse:
                raise ValueError(f"the gradient of {self._names[parameter]} is sparse, which fop cannot use: make the "
                                 "layer with sparse=False")
        examples, has_statistics = self._engine.gathered()
        # Asking for the scale waits for the device.
        scale = amp.backward_scale(self) if has_statistics else 1.0
        amp.unscale(self, list(gradients.values()))
        self._watch.before_step(gradients.values(), has_statistics)
        known = self._capture.recorded
        if assumed := self._assume_means(gradients, known):
            known |= assumed
            examples, _ = self._engine.gathered()
        recorded = self._parameters_of(known)
        finite = self._others_finite(
            [gradient for parameter, gradient in gradients.items() if parameter not in recorded])
        self._leave_unexplained()
        updates, covered, finite = self._preconditioned(gradients, groups, known, scale, finite)
        self._notices.of_silent_layers(self._layers, self._capture.new, gradients, covered)
        self._capture.discard()
        self._spent = _Spent(next(iter(gradients.values())))
        self._count(finite)
        if finite.device.type == "cpu" and not finite.item():
            return
        weight = 1.0 / examples if self._loss_reduction == "sum" and examples else 1.0
        updates += [
            Update(parameter, gradient * weight if weight != 1 else gradient,
                   groups[parameter], self._fallback_rule, groups[parameter]["fallback_scale"])
            for parameter, gradient in gradients.items() if parameter not in covered]
        apply(updates, self.state, (~finite).float())

    def _parameters_of(self, blocks: Iterable[int]) -> set[nn.Parameter]:
        return {parameter for index in blocks for parameter in self._layers[index].parameters}

    def _assume_means(self, gradients: dict[nn.Parameter, Tensor], recorded: set[int]) -> set[int]:
        """Layers with curvature and with gradients that no pass was seen for, as in a second step along the same ones,
        or where the loop sets `.grad` itself: nothing is known of their halves, so their step is K-FAC's."""
        if self._processes.are_joined and not (self._spent and self._spent.is_still(next(iter(gradients.values())))):
            # They may have been seen in another process.
            return set()
        blocks = [index for index in self._with_gradients(range(len(self._layers)), gradients)
                  if index not in recorded and not self._layers[index].is_unexplained]
        if not blocks:
            return set()
        return self._engine.assume(
            blocks, [[gradients[parameter] for parameter in self._layers[index].parameters] for index in blocks])

    def _with_gradients(self, blocks: Iterable[int], gradients: dict[nn.Parameter, Tensor]) -> list[int]:
        return [index for index in blocks
                if all(parameter in gradients for parameter in self._layers[index].parameters)]

    def _preconditioned(
        self, gradients: dict[nn.Parameter, Tensor], groups: dict[nn.Parameter, dict[str, Any]], known: set[int],
        scale: float, others_finite: Tensor | None,
    ) -> tuple[list[Update], set[nn.Parameter], Tensor]:
        """The updates of blocks whose gradients are known, their parameters, and whether everything is finite."""
        # What passed through in another process counts as well.
        blocks = self._with_gradients(range(len(self._layers)) if self._processes.are_joined else sorted(known), gradients)
        if not blocks:
            return [], set(), torch.tensor(True) if others_finite is None else others_finite
        members = [self._layers[index].parameters for index in blocks]
        # The trust region has to reckon with the largest.
        rates = [max(float(groups[parameter]["lr"]) for parameter in part) for part in members]
        active, directions, finite = self._engine.directions(
            blocks, [[gradients[parameter] for parameter in part] for part in members], rates, scale, others_finite)
        owners = [parameter for index in active for parameter in self._layers[index].parameters]
        updates = [Update(parameter, direction, groups[parameter], "momentum")
                   for parameter, direction in zip(owners, directions)]
        return updates, set(owners), finite

    def _others_finite(self, gradients: list[Tensor]) -> Tensor | None:
        finite = operators().all_finite(gradients) if gradients else None
        found = amp.found_infinity(self)
        if found is None:
            return finite
        none_found = found == 0
        return none_found if finite is None else finite & none_found.to(finite.device)

    def _count(self, finite: Tensor) -> None:
        skipped = (~finite).long()
        self._skipped = skipped if self._skipped is None else self._skipped + skipped.to(self._skipped.device)

    def _leave_unexplained(self) -> None:
        """To the fallback, which begins anew."""
        for layer in self._layers:
            if layer.is_unexplained and layer.was_recorded:
                layer.was_recorded = False
                for parameter in layer.parameters:
                    self._forget_buffers(parameter)

    # Saving.

    def state_dict(self, include_factors: bool = True) -> dict[str, Any]:
        """Everything a resumed run needs, by qualified parameter name; ``torch.load(weights_only=True)`` reads it.

        Args:
            include_factors: without the factors and inverses, which are most of it, the first step after loading
                estimates the curvature anew, so that the run goes on well but not bit for bit.
        """
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        saved = state.save(self.param_groups, self.state, self._names, self._treatments(),
                           self._engine.state(include_factors), int(self._skipped or 0))
        for hook in self._optimizer_state_dict_post_hooks.values():
            saved = hook(self, saved) or saved
        return saved

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any], include_factors: bool = True) -> None:
        """Goes on from a saved state, whatever device it was saved on.

        Args:
            include_factors: without the saved factors and inverses the curvature is estimated anew: for states of other
                options.

        Raises:
            ValueError: the state is of another model, other groups or options, of a later version, or not whole; names
                the first difference. Then nothing has changed.
        """
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            state_dict = hook(self, state_dict) or state_dict
        self._follow_model()
        loaded = state.read(state_dict, self.param_groups, self._names, self._treatments(), self._layers,
                            self._engine.state_shapes(), include_factors)
        # Nothing from here on can be refused.
        self._engine.load(loaded.curvature)
        self._capture.forget()
        self.state.clear()
        self.state.update(loaded.buffers)
        for group, settings in zip(self.param_groups, loaded.groups):
            group.update(settings)
        self._skipped = torch.tensor(loaded.skipped)
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _treatments(self) -> dict[nn.Parameter, str]:
        """What stands for each parameter, as :meth:`coverage` calls it, whether it is frozen for a while or not."""
        kinds = {parameter: layer.method for layer in self._layers for parameter in layer.parameters}
        return {parameter: kinds.get(parameter, self._fallback_name if parameter.requires_grad else "frozen")
                for parameter in self._names}

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError(f"{type(self).__name__} observes a model and cannot be pickled or copied: use state_dict()")

    # Looking.

    @property
    def stats(self) -> dict[str, int]:
        """Steps taken and skipped (something was not finite), and how inverses were obtained: anything but Cholesky
        asks for more damping."""
        counts = self._engine.counts()
        return {"steps": counts["steps"], "skipped_steps": int(self._skipped or 0),
                **{f"inverses_{name}": count for name, count in counts.items() if name != "steps"}}

    def coverage(self) -> Coverage:
        """How each parameter is updated, what its curvature costs, and its share of the model: print it."""
        layers = [layer for layer in self._layers if layer.was_recorded or not self._notices.has_named(layer.name)]
        return Coverage(rows(layers, self._names, self._fallback_name, self._engine.state_shapes()))

    @property
    def _fallback_name(self) -> str:
        return "AdamW" if self._fallback_rule == "adamw" else "SGD"


class KFAC(FOP):
    """K-FAC with the same curvature: :class:`FOP` without the orthogonal correction, ``beta="zero", eta="off"``. It takes
    the arguments of :class:`FOP` but these two."""

    def __init__(self, model: nn.Module, lr: float | Tensor, momentum: float = 0.9, weight_decay: float = 0.0,
                 **options: Any):
        for name in ("beta", "eta"):
            if name in options:
                raise TypeError(f"KFAC has no {name}: use fop.FOP")
        super().__init__(model, lr, momentum, weight_decay, beta="zero", eta="off", **options)


class _Spent:
    """A gradient that a step was taken along, as it was then."""

    def __init__(self, gradient: Tensor):
        self._gradient = weakref.ref(gradient)
        self._version = gradient._version

    def is_still(self, gradient: Tensor) -> bool:
        return gradient is self._gradient() and gradient._version == self._version
