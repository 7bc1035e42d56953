"""Automatic mixed precision: torch.autocast and GradScaler, with clipping in between."""

import copy

import pytest
import torch
import torch.nn.functional as functional
from same import Network, assert_same, curvature, moved, train

import fop

SCALE = 2.0**12


def scaled_loop(clip=None, scale=SCALE, autocast=None):
    """The loop of torch's own AMP recipe; returns the backward part, and the step in the optimizer's place."""
    scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=10_000)

    def backward(model, optimizer, x, labels):
        with torch.autocast("cpu", dtype=autocast, enabled=autocast is not None):
            loss = functional.cross_entropy(model(x), labels)
        scaler.scale(loss).backward()
        if clip is not None:
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    return scaler, backward


class Scaled:
    """An optimizer whose step goes through a scaler, as the loop's `scaler.step(optimizer); scaler.update()`."""

    def __init__(self, optimizer, scaler):
        self.optimizer, self.scaler = optimizer, scaler

    def zero_grad(self):
        self.optimizer.zero_grad()

    def step(self):
        self.scaler.step(self.optimizer)
        self.scaler.update()


def train_scaled(model, clip=None, scale=SCALE, autocast=None, scheduler=False, **options):
    scaler, backward = scaled_loop(clip, scale, autocast)
    settings = {"lr": 0.1, "factor_interval": 2, "inverse_interval": 2, "damping": 0.05} | options
    optimizer = fop.FOP(model, **settings)
    if scheduler:
        torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    train(model, lambda model, _, x, labels: backward(model, optimizer, x, labels), optimizer=Scaled(optimizer, scaler))
    return model, optimizer


def clipped(clip):
    def backward(model, optimizer, x, labels):
        functional.cross_entropy(model(x), labels).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    return backward


@pytest.mark.parametrize("scheduler", [False, True], ids=["", "with a scheduler"])
@pytest.mark.parametrize("scale", [1.0, SCALE, 2.0**20])
def test_the_scale_drops_out(scale, scheduler):
    assert_same(train_scaled(Network(), scale=scale, scheduler=scheduler), train(Network()))


@pytest.mark.parametrize("scheduler", [False, True], ids=["", "with a scheduler"])
def test_unscale_clip_step(scheduler):
    assert_same(train_scaled(Network(), clip=0.05, scheduler=scheduler), train(Network(), clipped(0.05)), rtol=1e-8)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("clip", [None, 0.5])
def test_autocast_follows_float32(dtype, clip):
    model, optimizer = train_scaled(Network(torch.float32), clip=clip, autocast=dtype)
    reference, own = train(Network(torch.float32), plain_or(clip))
    assert optimizer.stats["steps"] == 4 and optimizer.stats["skipped_steps"] == 0
    distance = moved(model, reference)
    assert max(distance.values()) < 0.05, distance
    assert max(moved(reference, Network(torch.float32)).values()) > 0.1
    for name, factor in curvature(own).items():
        if name.endswith("_factor") or name.endswith("fisher"):
            other = curvature(optimizer)[name]
            assert other.dtype == torch.float32, name
            assert (other - factor).norm() < 0.05 * factor.norm(), name


def plain_or(clip):
    return clipped(clip) if clip is not None else clipped(1e9)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_bfloat16_without_a_scaler(dtype):
    def backward(model, optimizer, x, labels):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            loss = functional.cross_entropy(model(x), labels)
        loss.backward()
    model, optimizer = train(Network(torch.float32), backward)
    assert optimizer.stats["skipped_steps"] == 0
    assert max(moved(model, train(Network(torch.float32))[0]).values()) < 0.05


def test_an_overflow_skips_the_step_and_lowers_the_scale():
    model = Network(torch.float32)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**100)
    optimizer = fop.FOP(model, lr=0.1)
    before = copy.deepcopy(model.state_dict())
    x, labels = torch.randn(8, 2, 4, 4), torch.arange(8) % 5
    for step in range(3):
        optimizer.zero_grad()
        scaler.scale(functional.cross_entropy(model(x), labels) * 2.0**60).backward()
        scaler.step(optimizer)
        scaler.update()
        assert scaler.get_scale() == 2.0**(99 - step)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert optimizer.stats["steps"] == 0
    # And goes on from there.
    optimizer.zero_grad()
    scaler.scale(functional.cross_entropy(model(x), labels) * 2.0**-90).backward()
    scaler.step(optimizer)
    assert optimizer.stats["steps"] == 1
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())
