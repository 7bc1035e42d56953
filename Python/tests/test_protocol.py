"""A real torch.optim.Optimizer: groups, schedules, closures, zeroing, copies of the model, lifetime."""

import copy
import gc
import io
import pickle
import subprocess
import sys
import weakref

import pytest
import torch
import torch.nn.functional as functional
from networks import SmallNetwork, batch
from reference import Reference
from torch import nn
from torch.optim import lr_scheduler

import fop

PLAIN = {"momentum": 0.0, "kl_clip": None, "factor_interval": 1, "inverse_interval": 1}


def small_model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3))


def data(examples=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(examples, 6, generator=generator), torch.randint(0, 3, (examples,), generator=generator)


def backward(model, seed=0, examples=16, weight=1.0):
    x, labels = data(examples, seed)
    loss = functional.cross_entropy(model(x), labels)
    (loss * weight).backward()
    return loss.item()


def parameters(model):
    return [value.detach().clone() for value in model.parameters()]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("make", [
    lambda optimizer: lr_scheduler.StepLR(optimizer, 2, gamma=0.5),
    lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 6),
    lambda optimizer: lr_scheduler.OneCycleLR(optimizer, max_lr=0.3, total_steps=8),
    lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step)),
    lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.1, threshold=10.0),
], ids=["step", "cosine", "one-cycle", "lambda", "plateau"])
def test_schedules_set_the_step_size(make):
    """Without momentum and trust region a step is lr times a direction that the same state gives at lr 1."""
    model, twin = small_model(), small_model()
    optimizer = fop.FOP(model, lr=0.1, **PLAIN)
    scheduler = make(optimizer)
    rates = []
    for step in range(5):
        twin.load_state_dict(model.state_dict())
        other = fop.FOP(twin, lr=1.0, **PLAIN)
        state = optimizer.state_dict()
        for group in state["param_groups"]:
            group.update(lr=1.0, momentum=0.0)
        other.load_state_dict(copy.deepcopy(state))
        before = parameters(model)
        group = optimizer.param_groups[0]
        rate, group["momentum"] = group["lr"], 0.0
        loss = backward(model, step)
        optimizer.step()
        optimizer.zero_grad()
        backward(twin, step)
        other.step()
        other.zero_grad()
        for old, new, full in zip(before, model.parameters(), twin.parameters()):
            torch.testing.assert_close(old - new.detach(), rate * (old - full.detach()), rtol=1e-3, atol=1e-6)
        rates.append(rate)
        scheduler.step(loss) if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau) else scheduler.step()
    assert len(set(rates)) > 2


def test_one_cycle_moves_the_momentum():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1)
    lr_scheduler.OneCycleLR(optimizer, max_lr=0.3, total_steps=8)
    assert optimizer.param_groups[0]["momentum"] == 0.95


def test_groups_have_their_own_settings():
    model, twin = small_model(), small_model()
    optimizer = fop.FOP(model, lr=0.1, params=[{"params": model[3].parameters(), "lr": 0.0},
                                               {"params": [model[0].weight], "weight_decay": 0.5}], **PLAIN)
    other = fop.FOP(twin, lr=0.1, **PLAIN)
    assert [len(group["params"]) for group in optimizer.param_groups] == [2, 1, 3]
    start = parameters(model)
    for one, stepping in ((model, optimizer), (twin, other)):
        backward(one)
        stepping.step()
    ours, plain = parameters(model), parameters(twin)
    for place in (4, 5):
        assert torch.equal(ours[place], start[place]) and not torch.equal(plain[place], start[place])
    torch.testing.assert_close(ours[0], plain[0] - 0.1 * 0.5 * start[0])
    assert_same(ours[1:4], plain[1:4])


def test_weight_decay_and_momentum_are_decoupled_heavy_ball():
    model = SmallNetwork()
    reference = Reference(0.02)
    optimizer = fop.FOP(model, lr=0.5, weight_decay=0.1, damping=0.02, **{**PLAIN, "momentum": 0.7})
    buffers = {}
    for step in range(3):
        x, labels = batch(8, seed=step)
        before = {name: value.detach().clone() for name, value in model.named_parameters()}
        directions = reference.directions(model, (x, labels))
        functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
        optimizer.zero_grad()
        for name, value in model.named_parameters():
            buffers[name] = 0.7 * buffers.get(name, 0) + torch.from_numpy(directions[name])
            expected = before[name] - 0.5 * (buffers[name] + 0.1 * before[name])
            torch.testing.assert_close(value.detach(), expected, rtol=1e-7, atol=1e-9)


def test_added_groups_are_the_fallbacks_where_they_are_not_the_models():
    model = small_model()
    extra = nn.Parameter(torch.ones(3))
    optimizer = fop.FOP(model, lr=0.1, momentum=0.0)
    optimizer.add_param_group({"params": [extra], "lr": 0.5})
    (extra.sum() * 2 + backward(model)).backward()
    optimizer.step()
    torch.testing.assert_close(extra.detach(), torch.zeros(3))
    assert optimizer.coverage().rows[-1].parameter == "group1.0"
    with pytest.raises(ValueError, match="lr is -1"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))], "lr": -1})


def test_a_closure_is_called_once_with_gradients_and_its_loss_returned():
    model, twin = small_model(), small_model()
    calls = []

    def closure():
        calls.append(torch.is_grad_enabled())
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(data()[0]), data()[1])
        loss.backward()
        return loss

    optimizer, other = fop.FOP(model, lr=0.1), fop.FOP(twin, lr=0.1)
    loss = optimizer.step(closure)
    expected = backward(twin)
    other.step()
    assert calls == [True] and loss.item() == expected
    assert_same(parameters(model), parameters(twin))


def test_a_step_without_gradients_does_nothing():
    model = small_model()
    before = parameters(model)
    optimizer = fop.FOP(model, lr=0.1)
    optimizer.step()
    assert_same(parameters(model), before)
    assert optimizer.stats["steps"] == 0


@pytest.mark.parametrize("zero", [
    lambda model, optimizer: optimizer.zero_grad(),
    lambda model, optimizer: optimizer.zero_grad(set_to_none=False),
    lambda model, optimizer: model.zero_grad(),
    lambda model, optimizer: model.zero_grad(set_to_none=False),
    lambda model, optimizer: [setattr(parameter, "grad", None) for parameter in model.parameters()],
], ids=["optimizer", "optimizer-zeros", "model", "model-zeros", "by-hand"])
def test_zeroed_gradients_leave_no_trace(zero):
    model, twin = small_model(), small_model()
    optimizer, other = fop.FOP(model, lr=0.1), fop.FOP(twin, lr=0.1)
    for step in range(2):
        backward(model, seed=77, examples=5, weight=100.0)
        zero(model, optimizer)
        for one, stepping in ((model, optimizer), (twin, other)):
            backward(one, step)
            stepping.step()
            stepping.zero_grad()
    assert_same(parameters(model), parameters(twin))


def test_gradients_zeroed_before_the_step_take_no_step():
    model = small_model()
    before = parameters(model)
    optimizer = fop.FOP(model, lr=0.1)
    backward(model)
    model.zero_grad()
    optimizer.step()
    backward(model)
    model.zero_grad(set_to_none=False)
    optimizer.step()
    assert_same(parameters(model), before)


def test_passes_that_train_nothing_are_not_gathered():
    """Evaluation, gradients with respect to inputs, a second optimizer's loss."""
    model, twin = small_model(), small_model()
    optimizer, other = fop.FOP(model, lr=0.1), fop.FOP(twin, lr=0.1)
    for step in range(2):
        with torch.no_grad():
            model(data()[0])
        x = data(seed=9)[0].requires_grad_()
        torch.autograd.grad(model(x).square().sum(), x)
        model(x).sum()
        for one, stepping in ((model, optimizer), (twin, other)):
            backward(one, step)
            stepping.step()
            stepping.zero_grad()
    assert_same(parameters(model), parameters(twin))


def test_a_copied_or_saved_model_is_an_ordinary_one():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1)
    backward(model)
    clone = copy.deepcopy(model)
    again = pickle.loads(pickle.dumps(model))
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    for other in (clone, again, torch.load(file, weights_only=False)):
        assert_same(parameters(other), parameters(model))
        backward(other)
    optimizer.step()
    assert optimizer.stats["steps"] == 1


def test_a_saved_model_needs_no_fop(tmp_path):
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1)
    torch.save(model, tmp_path / "model.pt")
    code = ("import sys, torch; sys.modules['fop'] = None; "
            f"model = torch.load(r'{tmp_path / 'model.pt'}', weights_only=False); print(model(torch.ones(2, 6)).shape)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "[2, 3]" in done.stdout, done.stderr
    assert optimizer.stats["steps"] == 0


def test_hooks_go_with_the_optimizer():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1)
    engine = optimizer._engine
    number = engine.number
    backward(model)
    assert model[0]._forward_hooks
    gone = weakref.ref(optimizer)
    del optimizer, engine
    gc.collect()
    assert gone() is None
    assert not any(module._forward_hooks for module in model.modules())
    assert not any(parameter._backward_hooks for parameter in model.parameters())
    with pytest.raises(RuntimeError, match="there is no engine"):
        torch.ops.fop.counts(number)
    backward(model)


def test_the_model_goes_when_nobody_else_holds_it():
    model = small_model()
    gone = weakref.ref(model)
    optimizer = fop.FOP(model, lr=0.1)
    backward(model)
    del model
    gc.collect()
    assert gone() is None
    optimizer.step()


def test_frozen_parameters_cost_nothing_and_can_be_unfrozen():
    model = small_model()
    for parameter in model[0].parameters():
        parameter.requires_grad_(False)
    optimizer = fop.FOP(model, lr=0.1)
    assert not model[0]._forward_hooks
    before = parameters(model)
    backward(model)
    optimizer.step()
    assert_same(parameters(model)[:2], before[:2])
    assert {row.parameter: row.method for row in optimizer.coverage().rows}["0.weight"] == "frozen"
    model[0].requires_grad_(True)
    backward(model)
    optimizer.step()
    assert not torch.equal(model[0].weight, before[0])


def test_freezing_in_the_middle_of_a_run():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1, momentum=0.0)
    backward(model)
    optimizer.step()
    optimizer.zero_grad()
    model[3].bias.requires_grad_(False)
    before = parameters(model)
    backward(model)
    optimizer.step()
    after = parameters(model)
    assert torch.equal(after[5], before[5])
    assert all(not torch.equal(new, old) for new, old in zip(after[:5], before[:5]))


def test_tied_weights_are_the_fallbacks():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(6, 6)
            self.second = nn.Linear(6, 6, bias=False)
            self.second.weight = self.first.weight

        def forward(self, x):
            return self.second(torch.tanh(self.first(x)))

    model = Tied()
    optimizer = fop.FOP(model, lr=0.1)
    assert {row.method for row in optimizer.coverage().rows} == {"SGD"}
    backward(model)
    optimizer.step()


class UsedTwice(nn.Module):
    """A weight that is also used outside of its layer, where no hook sees it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(torch.tanh(functional.linear(self.layer(x), self.layer.weight)))


def changed_by_a_hook():
    model = nn.Sequential()
    model.layer, model.head = nn.Linear(6, 6), nn.Linear(6, 3)
    model.layer.weight.register_hook(lambda gradient: gradient * 2)
    return model


@pytest.mark.parametrize("make", [UsedTwice, changed_by_a_hook])
def test_gradients_that_the_layer_does_not_explain_are_the_fallbacks(make):
    model = make()
    optimizer = fop.FOP(model, lr=0.1, momentum=0.0)
    for step in range(2):
        backward(model, step)
        before, gradient = model.layer.weight.detach().clone(), model.layer.weight.grad.clone()
        if step == 0:
            with pytest.warns(UserWarning, match="gradients of layer are not what passes through"):
                optimizer.step()
        else:
            optimizer.step()
        torch.testing.assert_close(model.layer.weight.detach(), before - 0.1 * gradient)
        optimizer.zero_grad()
    assert "head.input_factor" in optimizer.state_dict()["curvature"]


def test_large_factors_are_the_fallbacks():
    model = small_model()
    methods = {row.parameter: row.method for row in fop.FOP(model, lr=0.1, max_factor_dim=7).coverage().rows}
    assert methods["0.weight"] == "SGD" and methods["2.weight"] == "unit-wise"


def test_heads_of_large_vocabularies_are_the_fallbacks():
    model = small_model()
    methods = {row.parameter: row.method for row in fop.FOP(model, lr=0.1, max_vocabulary=7).coverage().rows}
    assert methods["0.weight"] == "SGD" and methods["3.weight"] == "Kronecker"
    backward(model)
    fop.FOP(model, lr=0.1, max_vocabulary=7).step()


@pytest.mark.parametrize(("options", "message"), [
    ({"lr": -1.0}, "lr is -1.0"), ({"lr": float("nan")}, "lr is nan"), ({"momentum": 1.0}, "momentum is 1.0"),
    ({"weight_decay": -1}, "weight_decay is -1"), ({"damping": -1}, "damping is -1.0: use a finite number of 0"),
    ({"damping": "x"}, "damping is 'x': use a number"), ({"kl_clip": 0}, "kl_clip is 0.0: use a number above 0, or None"),
    ({"ema_decay": 1}, "ema_decay is 1.0: use a number from 0 to below 1"), ({"beta": "big"}, "beta is 'big'"),
    ({"factor_interval": 0}, "factor_interval is 0: use a whole number of 1"),
    ({"inverse_interval": 1.5}, "inverse_interval is 1.5"), ({"eta": "long"}, "eta is 'long': use 'average' or 'sum'"),
    ({"metric": "x"}, "metric is 'x'"), ({"kfac_approx": "x"}, "kfac_approx is 'x'"), ({"fisher": "x"}, "fisher is 'x'"),
    ({"fallback": "lion"}, "fallback is 'lion': use 'sgd' or 'adamw'"), ({"loss_reduction": "none"}, "loss_reduction"),
    ({"fallback_lr": -1.0}, "fallback_lr is -1.0"), ({"max_factor_dim": 0}, "max_factor_dim is 0: use a whole number of 1"),
    ({"max_vocabulary": "x"}, "max_vocabulary is x"),
], ids=str)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError) as caught:
        fop.FOP(small_model(), **{"lr": 0.1, **options})
    assert message in str(caught.value)


def test_parameters_instead_of_the_model():
    with pytest.raises(TypeError, match="takes the model itself"):
        fop.FOP(small_model().parameters(), lr=0.1)


def test_intervals_can_be_functions_of_the_step():
    seen = []
    model = small_model()
    optimizer = fop.FOP(model, lr=0.01, factor_interval=lambda step: seen.append(step) or 2, inverse_interval=3)
    factors = []
    for step in range(5):
        backward(model, step)
        optimizer.step()
        optimizer.zero_grad()
        factors.append(optimizer.state_dict()["curvature"]["0.input_factor"].clone())
    assert seen == [0, 1, 2, 3, 4]
    changed = [not torch.equal(old, new) for old, new in zip(factors, factors[1:])]
    assert changed == [False, True, False, True]


def test_nothing_changes_where_something_is_not_finite():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1)
    backward(model)
    optimizer.step()
    optimizer.zero_grad()
    saved = copy.deepcopy(optimizer.state_dict())
    before = parameters(model)
    backward(model, weight=float("inf"))
    optimizer.step()
    optimizer.zero_grad()
    assert_same(parameters(model), before)
    assert optimizer.stats["skipped_steps"] == 1 and optimizer.stats["steps"] == 1
    after = optimizer.state_dict()
    for key, tensor in saved["curvature"].items():
        assert torch.equal(after["curvature"][key], tensor), key
    for name, buffers in saved["state"].items():
        assert torch.equal(after["state"][name]["momentum_buffer"], buffers["momentum_buffer"])
    backward(model)
    optimizer.step()
    assert optimizer.stats["steps"] == 2
