"""Parameter groups, schedules, momentum and weight decay: as any torch.optim.Optimizer has them."""

import copy

import pytest
import torch
import torch.nn.functional as functional
from models import PLAIN, assert_same, backward, parameters, small_model
from networks import SmallNetwork, batch
from reference import Reference
from torch import nn
from torch.optim import lr_scheduler

import fop


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


def test_groups_take_what_torch_takes():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1, params=model[0].named_parameters())
    assert [len(group["params"]) for group in optimizer.param_groups] == [2, 4]
    assert len(fop.FOP(model, lr=torch.tensor(0.1), params=[model[0].weight]).param_groups) == 2


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
