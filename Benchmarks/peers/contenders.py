"""The optimizers that are compared, each as a function that takes one step.

A contender is made for a model and an interval of curvature updates. Learning rates keep the loss finite for the few
steps of a measurement; the time does not depend on them.
"""
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from .training_batch import TrainingBatch


@dataclass
class Contender:
    step: Callable[[TrainingBatch], float]
    """Takes one step and returns the loss before it."""
    curvature_phase: int | None = None
    """Step i updates curvature and inverses when (i + phase) is a multiple of the interval; None: it has none."""


def ordinary(model: nn.Module, optimizer: torch.optim.Optimizer, curvature_phase: int | None = None) -> Contender:
    """An optimizer in the loop that everybody writes."""
    def step(batch: TrainingBatch) -> float:
        optimizer.zero_grad()
        loss = batch.backward(model)
        optimizer.step()
        return loss
    return Contender(step, curvature_phase)


def sgd(model: nn.Module, interval: int, options) -> Contender:
    return ordinary(model, torch.optim.SGD(
        model.parameters(), lr=options.learning_rate, momentum=0.9, fused=options.tuned or None))


def adamw(model: nn.Module, interval: int, options) -> Contender:
    return ordinary(model, torch.optim.AdamW(model.parameters(), lr=1e-3, fused=options.tuned or None))


def shampoo(model: nn.Module, interval: int, options) -> Contender:
    from pytorch_optimizer import Shampoo
    # It counts its steps from 1.
    return ordinary(model, Shampoo(model.parameters(), lr=1e-3, preconditioning_compute_steps=interval), 1)


def soap(model: nn.Module, interval: int, options) -> Contender:
    from pytorch_optimizer import SOAP
    return ordinary(model, SOAP(model.parameters(), lr=1e-3, precondition_frequency=interval), 0)


def lamb(model: nn.Module, interval: int, options) -> Contender:
    from pytorch_optimizer import Lamb
    return ordinary(model, Lamb(model.parameters(), lr=1e-3))


def asdl_empirical(model: nn.Module, interval: int, options) -> Contender:
    from .asdl_kfac import make
    return make(model, interval, options.batch, fisher_type="fisher_emp")


def asdl_monte_carlo(model: nn.Module, interval: int, options) -> Contender:
    from .asdl_kfac import make
    return make(model, interval, options.batch, fisher_type="fisher_mc")


def kfac_pytorch(model: nn.Module, interval: int, options) -> Contender:
    from .kfac_pytorch import make
    return make(model, interval, options.kfac_source)


def fop_wheel(model: nn.Module, interval: int, options) -> Contender:
    from .fop_wheel import make
    return make(model, interval)


CONTENDERS = {
    "sgd": sgd, "adamw": adamw, "shampoo": shampoo, "soap": soap, "lamb": lamb, "asdl-empirical": asdl_empirical,
    "asdl-monte-carlo": asdl_monte_carlo, "kfac-pytorch": kfac_pytorch, "fop-wheel": fop_wheel,
}
