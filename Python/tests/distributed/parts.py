"""What each process does, and the same in one process."""

import contextlib

import torch
import torch.nn.functional as functional
from same import Network, data
from torch.nn.parallel import DistributedDataParallel

import fop

EXAMPLES = 8
"""Of each process and step."""
OPTIONS = {"lr": 0.1, "factor_interval": 2, "inverse_interval": 2, "damping": 0.05}


def order(size):
    """The ranks in the order in which their examples stand in the batch of one process: even ones first."""
    return [*range(0, size, 2), *range(1, size, 2)]


def part(step, rank, size, examples=EXAMPLES):
    """A process's part of the batch of a step."""
    x, labels = data(step, examples * size)
    place = order(size).index(rank)
    return x[place * examples:(place + 1) * examples], labels[place * examples:(place + 1) * examples]


def outcome(model, optimizer):
    """What is compared, between processes and with one."""
    return {
        "parameters": {name: value.detach().clone() for name, value in model.named_parameters()},
        "curvature": {name: value.clone() for name, value in optimizer._engine.state().items()},
        "stats": optimizer.stats,
    }


def one_process(size, steps=(0, 1, 2, 3), micro_batches=1, clip=None, kind=fop.FOP, **options):
    model = Network()
    optimizer = kind(model, **(OPTIONS | options))
    for step in steps:
        optimizer.zero_grad()
        for rank in order(size):
            x, labels = part(step, rank, size)
            for own, target in zip(x.chunk(micro_batches), labels.chunk(micro_batches)):
                (functional.cross_entropy(model(own), target) / (size * micro_batches)).backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
    return outcome(model, optimizer)


def under_ddp(rank, size, steps=(0, 1, 2, 3), micro_batches=1, clip=None, wrapped_first=False, kind=fop.FOP,
              spoiled=None, compiled=None, scale=None, **options):
    """The stock loop with the stock wrapper.

    Args:
        spoiled: (rank, step) whose loss is not a number.
        compiled: a backend of torch.compile.
        scale: of a GradScaler.
    """
    model = Network()
    if not wrapped_first:
        optimizer = kind(model, **(OPTIONS | options))
    ddp = DistributedDataParallel(model)
    if wrapped_first:
        optimizer = kind(ddp, **(OPTIONS | options))
    called = ddp if compiled is None else torch.compile(ddp, backend=compiled)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale or 1.0, enabled=scale is not None, growth_interval=10_000)
    for step in steps:
        optimizer.zero_grad()
        x, labels = part(step, rank, size)
        if spoiled == (rank, step):
            x = x * float("nan")
        for place, (own, target) in enumerate(zip(x.chunk(micro_batches), labels.chunk(micro_batches))):
            with ddp.no_sync() if place < micro_batches - 1 else contextlib.nullcontext():
                scaler.scale(functional.cross_entropy(called(own), target) / micro_batches).backward()
        if clip is not None:
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(ddp.parameters(), clip)
        scaler.step(optimizer)
        scaler.update()
    return outcome(model, optimizer)
