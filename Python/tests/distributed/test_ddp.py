"""Distributed FOP under the stock DistributedDataParallel, on two and three processes."""

import pytest
import torch
import torch.nn.functional as functional
from companions import together
from parts import OPTIONS, one_process, outcome, part, under_ddp
from same import Network
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import fop


def assert_replicas_identical(results):
    for result in results[1:]:
        for kind in ("parameters", "curvature"):
            assert result[kind].keys() == results[0][kind].keys()
            for name, value in result[kind].items():
                assert torch.equal(value, results[0][kind][name]), f"{kind}: {name}"


def assert_as(result, expected, rtol=1e-8):
    assert result["stats"]["steps"] == expected["stats"]["steps"]
    for kind in ("parameters", "curvature"):
        assert result[kind].keys() == expected[kind].keys()
        for name, value in result[kind].items():
            torch.testing.assert_close(value, expected[kind][name], rtol=rtol, atol=1e-10,
                                       msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("wrapped_first", [False, True], ids=["optimizer of the model", "optimizer of the wrapper"])
@pytest.mark.parametrize("size", [2, 3])
def test_as_one_process(size, wrapped_first):
    results = together(size, under_ddp, wrapped_first=wrapped_first)
    assert_replicas_identical(results)
    assert_as(results[0], one_process(size))


@pytest.mark.parametrize("options", [
    {"micro_batches": 2}, {"clip": 0.05}, {"beta": 0.3, "eta": "sum"}, {"fallback": "adamw", "fallback_lr": 0.01},
    {"kfac_approx": "reduce", "weight_decay": 0.01}, {"stagger_curvature": True}], ids=str)
def test_options(options):
    results = together(2, under_ddp, **options)
    assert_replicas_identical(results)
    assert_as(results[0], one_process(2, **options))


def test_clipping_on_three():
    results = together(3, under_ddp, clip=0.05)
    assert_replicas_identical(results)
    assert_as(results[0], one_process(3, clip=0.05))


def test_kfac():
    results = together(2, under_ddp, kind=fop.KFAC)
    assert_replicas_identical(results)
    assert_as(results[0], one_process(2, kind=fop.KFAC))


def test_scaler():
    results = together(2, under_ddp, scale=2.0**12, clip=0.05)
    assert_replicas_identical(results)
    assert_as(results[0], one_process(2, clip=0.05))


def test_compiled():
    results = together(2, under_ddp, compiled="aot_eager")
    assert_replicas_identical(results)
    assert_as(results[0], one_process(2))


def test_monte_carlo_replicas_stay_identical():
    results = together(2, under_ddp, fisher="mc")
    assert_replicas_identical(results)
    assert results[0]["stats"]["steps"] == 4


@pytest.mark.parametrize("size", [2, 3])
def test_what_one_process_cannot_use_nobody_uses(size):
    """All leave the step out, none waits, and they go on as if it had not been."""
    results = together(size, under_ddp, spoiled=(size - 1, 1))
    assert_replicas_identical(results)
    for result in results:
        assert result["stats"]["skipped_steps"] == 1
    assert_as(results[0], one_process(size, steps=(0, 2, 3)))


class Branches(Network):
    """Uses a layer in processes of one kind only."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.extra = nn.ModuleList(nn.Linear(8, 8).double() for _ in range(2))
        self.branch = 0

    def forward(self, x):
        tokens = self.body(self.stem(x)).mean(1)
        return self.head(tokens + self.extra[self.branch](tokens)) + self.offset


def branching(rank, size):
    model = Branches()
    optimizer = fop.FOP(model, **OPTIONS)
    ddp = DistributedDataParallel(model, find_unused_parameters=True)
    for step in range(6):
        # The second branch is first used after some steps, by one process.
        model.branch = int(rank == 1 and step >= 3)
        optimizer.zero_grad()
        x, labels = part(step, rank, size)
        functional.cross_entropy(ddp(x), labels).backward()
        optimizer.step()
    return outcome(model, optimizer)


def test_layers_that_not_every_process_uses():
    results = together(2, branching)
    assert_replicas_identical(results)
    start = dict(Branches().named_parameters())
    for name, value in results[0]["parameters"].items():
        assert torch.isfinite(value).all() and not torch.equal(value, start[name]), name


def without_wrapper(rank, size, group, averages):
    model = Network()
    groups = {"auto": "auto", "world": torch.distributed.group.WORLD, "none": None}
    optimizer = fop.FOP(model, **OPTIONS, process_group=groups[group])
    for step in range(4):
        optimizer.zero_grad()
        x, labels = part(step, rank, size)
        functional.cross_entropy(model(x), labels).backward()
        if averages:
            for parameter in model.parameters():
                torch.distributed.all_reduce(parameter.grad)
                parameter.grad /= size
        optimizer.step()
    return outcome(model, optimizer)


def test_a_loop_that_averages_by_itself():
    results = together(3, without_wrapper, group="world", averages=True)
    assert_replicas_identical(results)
    assert_as(results[0], one_process(3))


def test_models_of_their_own():
    results = together(2, without_wrapper, group="none", averages=False)
    assert not torch.equal(results[0]["parameters"]["head.weight"], results[1]["parameters"]["head.weight"])


def test_several_processes_without_a_wrapper_are_refused():
    with pytest.raises(AssertionError, match="did not go through DistributedDataParallel"):
        together(2, without_wrapper, group="auto", averages=True)


def before_any_pass(rank, size):
    optimizer = fop.FOP(Network(), lr=0.1)
    optimizer.step()
    return optimizer.stats["steps"]


def test_a_step_before_any_pass_does_nothing():
    assert together(2, before_any_pass) == [0, 0]


def twice_along_the_same(rank, size):
    model = DistributedDataParallel(Network())
    optimizer = fop.FOP(model, lr=0.1)
    x, labels = part(0, rank, size)
    functional.cross_entropy(model(x), labels).backward()
    optimizer.step()
    optimizer.step()
    return outcome(model, optimizer)


def test_a_second_step_along_the_same_gradients():
    results = together(2, twice_along_the_same)
    assert_replicas_identical(results)
    assert results[0]["curvature"]["counters"][0] == 2


def test_a_sum_of_losses_is_refused():
    with pytest.raises(AssertionError, match="loss_reduction is 'sum'"):
        together(2, under_ddp, loss_reduction="sum")


def joining(rank, size):
    ddp = DistributedDataParallel(Network())
    optimizer = fop.FOP(ddp, **OPTIONS)
    with ddp.join():
        x, labels = part(0, rank, size)
        functional.cross_entropy(ddp(x), labels).backward()
        optimizer.step()


def test_join_is_refused():
    with pytest.raises(AssertionError, match="does not work within DistributedDataParallel's join"):
        together(2, joining)


def resuming(rank, size):
    """Four steps in two runs, the second from the first one's saved state."""
    first = Network()
    optimizer = fop.FOP(first, **OPTIONS)
    run(DistributedDataParallel(first), optimizer, rank, size, (0, 1))
    saved, weights = optimizer.state_dict(), first.state_dict()
    second = Network()
    second.load_state_dict(weights)
    optimizer = fop.FOP(second, **OPTIONS)
    optimizer.load_state_dict(saved)
    run(DistributedDataParallel(second), optimizer, rank, size, (2, 3))
    return outcome(second, optimizer)


def run(ddp, optimizer, rank, size, steps):
    for step in steps:
        optimizer.zero_grad()
        x, labels = part(step, rank, size)
        functional.cross_entropy(ddp(x), labels).backward()
        optimizer.step()


def test_resumed_bit_for_bit():
    assert_replicas_identical([*together(2, under_ddp), *together(2, resuming)])
