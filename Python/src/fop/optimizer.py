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
from .arguments import (
    Interval, check_choice, check_finite, check_group, check_number, interval_now, interval_text, number_text)
from .capture import Capture
from .coverage import Coverage, Row
from .distributed import (
    Choice, ProcessGroup, check_process_group, check_whole, group_of_wrapper, identity, several_processes)
from .engine import Engine
from .layers import Layer
from .memory import keep_freed_memory
from .names import clean_name, layer_of
from .plan import plan, signature
from .update import Update, apply


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
        damping: lambda, added to the Fisher blocks; "auto" is 40 over the batch size, from 0.001 to 0.1.
        kl_clip: the trust region kappa; None for none.
        ema_decay: the share that the factors' moving average keeps at an update; 0 to below 1.
        factor_interval: steps between updates of the factors: a number, a function of the step, or "auto" (about every
            25,600 examples, 5 steps at least, and at steps 0, 1, 2, 4, 8 and so on before that).
        inverse_interval: the same for their inverses.
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
        _check_parameters(model)
        check_whole(model)
        check_group({"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        check_choice("fallback", fallback, "sgd", "adamw")
        check_process_group(process_group)
        check_choice("fisher_distribution", fisher_distribution, "categorical", "bernoulli", "gaussian")
        engine = Engine({
            "damping": number_text("damping", damping, "auto"),
            "kl_clip": None if kl_clip is None else number_text("kl_clip", kl_clip, none=True),
            "ema_decay": number_text("ema_decay", ema_decay),
            "factor_interval": interval_text("factor_interval", factor_interval),
            "inverse_interval": interval_text("inverse_interval", inverse_interval),
            "fisher": fisher, "block": block,
            "beta": number_text("beta", beta, "paper", "zero"),
            "max_factor_dim": max_factor_dim, "max_vocabulary": max_vocabulary,
            "eta": eta, "metric": metric, "kfac_approx": kfac_approx, "loss_reduction": loss_reduction,
        })
        self._engine = engine
        self._names = {parameter: clean_name(name) for name, parameter in model.named_parameters()}
        self._fallback_rule = "adamw" if fallback == "adamw" else "momentum"
        self._loss_reduction = loss_reduction
        self._intervals = (factor_interval, inverse_interval)
        self._skipped: Tensor | None = None
        self._warned: set[str] = set()
        self._spent: _Spent | None = None
        self._signature: list[int] | None = None
        self._defaults = {
            "lr": lr, "momentum": momentum, "weight_decay": weight_decay,
            "fallback_scale": _fallback_scale(fallback_lr, lr),
        }
        super().__init__(_groups(model, params), dict(self._defaults))
        if any(parameter.device.type == "cpu" for parameter in self._names):
            keep_freed_memory()

        self._process_group: Choice = process_group
        self._has_joined = False
        self._model = weakref.ref(model)
        self._capture = Capture(model, engine, self._intervals_now, self._find_processes, self._follow_model)
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
        self._signature = found

    def _forget_buffers(self, parameter: nn.Parameter) -> None:
        """Momentum of directions is none of gradients, and the other way round."""
        self.state.pop(parameter, None)

    # Processes.

    def _find_processes(self) -> None:
        """During a forward pass, until the group is found."""
        if self._has_joined or self._process_group is None or not several_processes():
            return
        group = group_of_wrapper() if self._process_group == "auto" else self._process_group
        if group is not None:
            self._join(group)

    def _join(self, group: ProcessGroup) -> None:
        name, rank, size = identity(group)
        if size > 1:
            if self._loss_reduction == "sum":
                raise ValueError("loss_reduction is 'sum' and the gradients are averaged over several processes: use a "
                                 "loss that is the mean, and 'mean'")
            self._engine.join(name, rank, size)
        self._has_joined = True

    def _check_processes(self, has_gradients: bool) -> None:
        """Raises where several processes would each go their own way, or have no more than parts of the model."""
        if self._has_joined or not several_processes():
            return
        model = self._model()
        if model is not None:
            # It may have been sharded since this optimizer was made.
            check_whole(model)
        if self._process_group == "auto" and self._layers and has_gradients:
            raise RuntimeError(
                f"torch.distributed has {torch.distributed.get_world_size()} processes and the model's forward pass "
                "did not go through DistributedDataParallel: wrap the model in it and call the wrapper; or pass "
                "process_group=None if each process trains a model of its own, or "
                "process_group=torch.distributed.group.WORLD if the loop averages the gradients itself")

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
        return loss

    def _take_step(self) -> None:
        groups = {parameter: group for group in self.param_groups for parameter in group["params"]}
        gradients = {parameter: parameter.grad for parameter in groups if parameter.grad is not None}
        self._warn_of_strangers(groups)
        self._check_processes(bool(gradients))
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
        known = self._capture.recorded
        if assumed := self._assume_means(gradients, known):
            known |= assumed
            examples, _ = self._engine.gathered()
        recorded = self._parameters_of(known)
        finite = self._others_finite(
            [gradient for parameter, gradient in gradients.items() if parameter not in recorded])
        self._leave_unexplained()
        updates, covered, finite = self._preconditioned(gradients, groups, known, scale, finite)
        self._warn_of_silent_layers(gradients, covered)
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
        if self._has_joined and not (self._spent and self._spent.is_still(next(iter(gradients.values())))):
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
        blocks = self._with_gradients(range(len(self._layers)) if self._has_joined else sorted(known), gradients)
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

    def _warn_of_strangers(self, groups: dict[nn.Parameter, dict[str, Any]]) -> None:
        """Parameters that came into the model after this optimizer was made, as with torch.optim."""
        model = self._model()
        if model is None or all(parameter in groups or parameter.grad is None for parameter in model.parameters()):
            return
        names = [name for name, parameter in model.named_parameters()
                 if parameter not in groups and parameter.grad is not None and name not in self._warned]
        self._warned.update(names)
        if names:
            warnings.warn(
                f"fop: {', '.join(names)} came into the model after the optimizer was made, which does not update them: "
                "make it anew, or use add_param_group", stacklevel=_THE_LOOP)

    def _leave_unexplained(self) -> None:
        """To the fallback, which begins anew."""
        for layer in self._layers:
            if layer.is_unexplained and layer.was_recorded:
                layer.was_recorded = False
                for parameter in layer.parameters:
                    self._forget_buffers(parameter)

    def _warn_of_silent_layers(self, gradients: dict[nn.Parameter, Tensor], covered: set[nn.Parameter]) -> None:
        silent = [layer for layer in self._layers
                  if not layer.was_recorded and not layer.was_idle and layer not in self._capture.new
                  and layer.name not in self._warned
                  and all(parameter in gradients and parameter not in covered for parameter in layer.parameters)]
        self._warned.update(layer.name for layer in silent)
        # Nobody has to do anything about these.
        unexplained = [layer.name for layer in silent if layer.is_unexplained and not layer.is_shared]
        silent = [layer.name for layer in silent if not layer.is_unexplained]
        if silent:
            warnings.warn(
                f"fop: nothing was seen passing through {_listed(silent)}, whose parameters have gradients: they are "
                "updated by the fallback (their modules are not called themselves, or in a way that hooks cannot see)",
                stacklevel=_THE_LOOP)
        if unexplained:
            warnings.warn(
                f"fop: the gradients of {_listed(unexplained)} are not what passes through these layers says: they "
                "are updated by the fallback (their weights are used elsewhere too, or a hook changes their gradients)",
                stacklevel=_THE_LOOP)

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
        fallback = "AdamW" if self._fallback_rule == "adamw" else "SGD"
        kinds = {parameter: layer.method for layer in self._layers for parameter in layer.parameters}
        return {parameter: kinds.get(parameter, fallback if parameter.requires_grad else "frozen")
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
        shapes = self._engine.state_shapes()
        names = {layer.name for layer in self._layers}
        total = max(1, sum(parameter.numel() for parameter in self._names))
        rows = []
        covered = set()
        for layer in self._layers:
            if layer.name in self._warned and not layer.was_recorded:
                continue
            own = {key.removeprefix(f"{layer.name}."): shape for key, shape in shapes.items()
                   if layer_of(key, names) == layer.name}
            for place, (name, parameter) in enumerate(zip(layer.parameter_names, layer.parameters)):
                covered.add(parameter)
                width = 8 if parameter.dtype == torch.float64 else 4
                factors = " ".join("x".join(map(str, shape)) for key, shape in sorted(own.items())
                                   if key.partition(".")[0].endswith("factor") or key == "fisher")
                size = sum(torch.Size(shape).numel() for shape in own.values()) * width
                rows.append(Row(name, layer.method if parameter.requires_grad else "frozen", "" if place else factors,
                                0 if place else size, parameter.numel(), parameter.numel() / total))
        fallback = "AdamW" if self._fallback_rule == "adamw" else "SGD"
        for parameter, name in self._names.items():
            if parameter not in covered:
                rows.append(Row(name, fallback if parameter.requires_grad else "frozen", "", 0, parameter.numel(),
                                parameter.numel() / total))
        return Coverage(rows)


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


_THE_LOOP = 6
"""Warnings while stepping point at the loop: below `_warn_...`, `_take_step`, `step` and two wrappers of torch's."""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(name or "the model itself" for name in names)


def _check_parameters(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        if isinstance(parameter, nn.parameter.UninitializedParameter):
            raise ValueError(f"{name} has no shape yet: call the model on a batch before making the optimizer")
        if parameter.is_complex():
            raise ValueError(f"{name} is complex ({parameter.dtype}), which fop cannot train")


def _fallback_scale(fallback_lr: float | None, lr: float | Tensor) -> float:
    if fallback_lr is None:
        return 1.0
    check_number("fallback_lr", fallback_lr)
    if float(lr) == 0:
        raise ValueError("fallback_lr follows lr in proportion, and lr is 0: use an lr above 0")
    return float(fallback_lr) / float(lr)


def _groups(model: nn.Module, params: Iterable[Any] | None) -> list[dict[str, Any]]:
    """The user's groups, and one for the rest of the model."""
    if isinstance(params, Tensor) or (params is not None and not isinstance(params, Iterable)):
        raise ValueError(f"params is {params!r}: use parameters, or dictionaries with 'params' in each")
    given = list(params) if params is not None else []
    if given and not isinstance(given[0], dict):
        given = [{"params": given}]
    if not all(isinstance(group, dict) and "params" in group for group in given):
        raise ValueError("params has groups without 'params': use parameters, or dictionaries with 'params' in each")
    given = [{**group, "params": _as_list(group["params"])} for group in given]
    taken = {parameter for group in given for parameter in group["params"]}
    rest = [parameter for parameter in model.parameters() if parameter not in taken]
    if rest:
        given.append({"params": rest})
    if not given:
        raise ValueError("the model has no parameters")
    return given


def _as_list(params: Any) -> list[nn.Parameter]:
    """Parameters, of which torch.optim also takes one alone, or pairs with names."""
    members = [params] if isinstance(params, Tensor) else list(params)
    return [member[1] if isinstance(member, tuple) else member for member in members]
