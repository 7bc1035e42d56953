"""kfac-pytorch (github.com/gpauloski/kfac-pytorch, not on PyPI), from a folder that holds its source."""
import importlib.metadata as metadata
import sys
from pathlib import Path

import torch
from torch import nn

from .contenders import Contender
from .training_batch import TrainingBatch


def make(model: nn.Module, interval: int, source: str | None) -> Contender:
    if not source:
        raise RuntimeError("the folder of its source is not given: --kfac-source DIR")
    if not (Path(source) / "kfac" / "preconditioner.py").is_file():
        raise RuntimeError(f"{source} is not kfac-pytorch's source: kfac/preconditioner.py is not in it")
    sys.path.insert(0, source)
    # The source asks for the version of an installed package; there is none.
    version = metadata.version
    metadata.version = lambda name: "source" if name == "kfac-pytorch" else version(name)
    from kfac.preconditioner import KFACPreconditioner
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    preconditioner = KFACPreconditioner(
        model, factor_update_steps=interval, inv_update_steps=interval, damping=1e-2, lr=0.01)

    def step(batch: TrainingBatch) -> float:
        optimizer.zero_grad()
        loss = batch.backward(model)
        preconditioner.step()
        optimizer.step()
        return loss

    return Contender(step, curvature_phase=0)
