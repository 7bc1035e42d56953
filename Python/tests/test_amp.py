"""Mixed precision: autocast with bfloat16 and float16, GradScaler with and without unscale_ and clipping."""

import copy

import pytest
import torch
import torch.nn.functional as functional
from models import assert_same, data, parameters, small_model
from test_training import batches, convolutional

import fop


def loss_of(model, seed=0):
    x, labels = data(16, seed)
    return functional.cross_entropy(model(x), labels)


def make(model, **options):
    return fop.FOP(model, lr=0.05, factor_interval=2, inverse_interval=2, **options)


@pytest.mark.parametrize("unscale", [False, True], ids=["", "unscale"])
@pytest.mark.parametrize("scheduled", [False, True], ids=["", "scheduled"])
def test_the_loss_scale_changes_nothing(unscale, scheduled):
    """A power of two is divided out exactly."""
    model, twin = small_model(), small_model()
    optimizer, other = make(model), make(twin)
    if scheduled:
        # Wraps `step`: the scaler has to be found behind the wrapper.
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    for step in range(4):
        scaler.scale(loss_of(model, step)).backward()
        if unscale:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        loss_of(twin, step).backward()
        other.step()
        other.zero_grad()
    for one, reference in zip(parameters(model), parameters(twin)):
        torch.testing.assert_close(one, reference, rtol=1e-6, atol=1e-7)
    ours, plain = optimizer.state_dict()["curvature"], other.state_dict()["curvature"]
    for key in plain:
        torch.testing.assert_close(ours[key], plain[key], rtol=1e-5, atol=1e-7)


def test_unscale_clip_step():
    model, twin = small_model(), small_model()
    optimizer, other = make(model), make(twin)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    for step in range(3):
        scaler.scale(loss_of(model, step)).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        loss_of(twin, step).backward()
        torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.1)
        other.step()
        other.zero_grad()
    for one, reference in zip(parameters(model), parameters(twin)):
        torch.testing.assert_close(one, reference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("unscale", [False, True], ids=["", "unscale"])
def test_overflow_changes_nothing_and_lowers_the_scale(unscale):
    model = small_model()
    optimizer = make(model)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    scaler.scale(loss_of(model)).backward()
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    before, saved = parameters(model), copy.deepcopy(optimizer.state_dict())
    scaler.scale(loss_of(model) * 1e38).backward()
    if unscale:
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert_same(parameters(model), before)
    assert optimizer.stats["skipped_steps"] == 1 and optimizer.stats["steps"] == 1
    assert scaler.get_scale() == 2.0**9
    after = optimizer.state_dict()
    assert all(torch.equal(after["curvature"][key], value) for key, value in saved["curvature"].items())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_autocast_trains_about_as_float32_does(dtype):
    torch.manual_seed(0)
    plain = convolutional()
    model = copy.deepcopy(plain)
    results = []
    for one, kind in ((plain, None), (model, dtype)):
        optimizer = fop.FOP(one, lr=0.05, factor_interval=1)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8, enabled=kind is torch.float16)
        losses = []
        for x, labels in batches(10):
            with torch.autocast("cpu", dtype=kind or torch.bfloat16, enabled=kind is not None):
                loss = functional.cross_entropy(one(x), labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            losses.append(loss.item())
        assert all(value.dtype == torch.float32 for key, value in optimizer.state_dict()["curvature"].items()
                   if key.endswith("factor"))
        assert optimizer.stats["skipped_steps"] == 0
        results.append(losses)
    torch.testing.assert_close(torch.tensor(results[1]), torch.tensor(results[0]), rtol=0.1, atol=0.05)


def test_backward_inside_autocast_keeps_factors_exact():
    """What the backward pass itself does not cast, neither do we: layer inputs, and the loss's own derivative."""
    model, twin = small_model(), small_model()
    optimizer, other = make(model), make(twin)
    loss = loss_of(model)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss.backward()
        optimizer.step()
    loss_of(twin).backward()
    other.step()
    ours, plain = optimizer.state_dict()["curvature"], other.state_dict()["curvature"]
    for key in ("0.input_factor", "3.input_factor", "3.output_factor", "3.input_inverse", "3.output_inverse"):
        assert torch.equal(ours[key], plain[key]), key


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("numbers", [15, 16, 577])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_parameters_in_half_precision_move(dtype, numbers, momentum):
    """torch 2.10's fused SGD leaves those of 16 numbers and more where they are, on the CPU."""
    torch.manual_seed(0)
    model = torch.nn.Module()
    model.free = torch.nn.Parameter(torch.randn(numbers).to(dtype))
    before = model.free.detach().clone()
    optimizer = fop.FOP(model, lr=0.5, momentum=momentum)
    velocity = torch.zeros(numbers)
    expected = before.float()
    for _ in range(2):
        model.free.grad = torch.randn(numbers).to(dtype)
        velocity = momentum * velocity + model.free.grad.float()
        expected = expected - 0.5 * velocity
        optimizer.step()
    torch.testing.assert_close(model.free.detach().float(), expected, rtol=0.02, atol=0.02)


def test_a_model_in_bfloat16_trains():
    torch.manual_seed(0)
    model = convolutional().bfloat16()
    optimizer = fop.FOP(model, lr=0.05)
    losses = []
    for x, labels in batches(12):
        loss = functional.cross_entropy(model(x.bfloat16()).float(), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0], losses
    assert optimizer.state_dict()["curvature"]["0.input_factor"].dtype == torch.float32
