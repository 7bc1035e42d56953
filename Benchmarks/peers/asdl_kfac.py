"""ASDL's K-FAC (PyPI: asdfghjkl), as its README uses it."""
import warnings

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from .contenders import Contender
from .training_batch import TrainingBatch


def make(model: nn.Module, interval: int, batch_size: int, fisher_type: str) -> Contender:
    warnings.filterwarnings("ignore")
    from asdl.precondition import KfacGradientMaker, PreconditioningConfig
    config = PreconditioningConfig(
        data_size=batch_size, damping=1e-2, ema_decay=0.1, preconditioner_upd_interval=interval,
        curvature_upd_interval=interval,
        # Attention multiplies with this layer's weight without calling the layer, which ASDL does not support.
        ignore_modules=["out_proj"])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    gradient_maker = KfacGradientMaker(model, config, fisher_type=fisher_type)

    def step(batch: TrainingBatch) -> float:
        images, labels = batch.whole
        optimizer.zero_grad()
        output = gradient_maker.setup_model_call(model, images)
        gradient_maker.setup_loss_call(cross_entropy, output, labels)
        _, loss = gradient_maker.forward_and_backward()
        optimizer.step()
        return loss.item()

    return Contender(step, curvature_phase=0)
