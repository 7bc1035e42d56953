"""This package's wheel, one line in a stock PyTorch loop."""
from torch import nn

from .contenders import Contender, ordinary


def make(model: nn.Module, interval: int) -> Contender:
    from fop import FOP
    return ordinary(model, FOP(model, lr=0.01, factor_interval=interval, inverse_interval=interval), 0)
