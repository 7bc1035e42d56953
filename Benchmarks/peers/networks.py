"""The networks of BenchmarkWorker/NetworkKind.swift in PyTorch, with the same names of weights."""
import sys
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).resolve().parents[2] / "Reference"))
from fixtures.models import ResidualNetwork, VisionTransformer  # noqa: E402


class PlainNetwork(nn.Module):
    """3 x 3 convolutions with ReLU, global average pooling, linear classifier."""

    def __init__(self, widths: tuple[int, ...], strides: tuple[int, ...]):
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=stride, padding=1) for a, b, stride in zip((1, *widths), widths, strides))
        self.head = nn.Linear(widths[-1], 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for convolution in self.convolutions:
            x = convolution(x).relu()
        return self.head(x.mean((2, 3)))


NETWORKS = {
    "resnet": ResidualNetwork,
    "resnet18": lambda: ResidualNetwork(3, (64, 64, 128, 128, 256, 256, 512, 512), (1, 1, 1, 2, 1, 2, 1, 2, 1)),
    "vit": VisionTransformer,
    "plain": lambda: PlainNetwork((16, 16, 16, 32, 32, 64, 64), (2, 1, 1, 2, 1, 2, 1)),
}
INPUT_SHAPES = {"resnet": (1, 28, 28), "resnet18": (3, 32, 32), "vit": (1, 28, 28), "plain": (1, 28, 28)}
