"""Which models and batches are measured, with which contenders and how many steps."""
from collections.abc import Sequence
from dataclasses import dataclass

from .contenders import CONTENDERS, Shape

INTERVAL = 10
"""Steps from one update of curvature and inverses to the next, for all that have any."""

ALL = tuple(CONTENDERS)
CORE = ("swift-sgd", "swift-kfac", "swift-fop-2", "wheel-fop-2", "torch-sgd", "torch-sgd-tuned", "asdl-empirical")
"""Those that the bars compare: where a round of all would take minutes."""
WHEEL = ("wheel-fop-2", "torch-sgd")
"""What a PyTorch user changes: where a step takes ten seconds. At 2048 ResNet-18 needs some 20 GB and most of a minute a step."""
SLICED = ("swift-sgd", "swift-fop-2", "torch-sgd", "torch-sgd-tuned")

WHOLE = Shape(warm_up=2, steps=INTERVAL, interval=INTERVAL)
"""A whole interval in each round."""
ABRIDGED = Shape(warm_up=2, steps=3, interval=3)
"""Where steps take seconds: a step with curvature and two without, weighted as 1 to 9 afterwards."""
SHORTEST = Shape(warm_up=2, steps=2, interval=2)
"""One of each, where they take many."""


@dataclass(frozen=True)
class Cell:
    """One model at one batch."""
    model: str
    batch: int
    shape: Shape = WHOLE
    contenders: tuple[str, ...] = ALL

    @property
    def key(self) -> str:
        return f"{self.model}:{self.batch}" + (f":slices of {self.shape.slice}" if self.shape.slice else "")


def sliced(shape: Shape) -> Shape:
    return Shape(shape.warm_up, shape.steps, shape.interval, SLICE)


MODELS = {
    "resnet": "the network of `make run`",
    "resnet18": "ResNet-18 for 32 x 32 pictures",
    "vit": "vision transformer, 4 blocks of width 64",
    "plain": "the convolutions of `make run` without BatchNorm",
}
SLICE = 256

DEFAULT = [
    Cell("resnet", 2048),
    Cell("resnet", 512),
    Cell("resnet", 256),
    Cell("resnet", 8192, SHORTEST, CORE),
    Cell("vit", 256, WHOLE, CORE),
    Cell("resnet18", 64, SHORTEST, tuple(name for name in CORE if name != "swift-kfac")),
    Cell("resnet18", 512, SHORTEST, WHEEL),
    Cell("plain", 2048, sliced(ABRIDGED), SLICED),
    Cell("plain", 60_000, sliced(SHORTEST), ("swift-sgd", "swift-fop-2")),
]
QUICK = [Cell("resnet", 64, ABRIDGED)]


def make_plan(
    quick: bool, full: bool, models: Sequence[str] | None, batches: Sequence[int] | None,
    contenders: Sequence[str] | None
) -> list[Cell]:
    cells = list(QUICK if quick else DEFAULT)
    if models or batches:
        wanted_models = models or sorted({cell.model for cell in cells}, key=list(MODELS).index)
        planned = {(cell.model, cell.batch): cell for cell in DEFAULT}
        cells = [
            planned.get((model, batch)) or unplanned(model, batch)
            for model in wanted_models
            for batch in (batches or [cell.batch for cell in (QUICK if quick else DEFAULT) if cell.model == model]
                          or [256])]
    if full:
        cells = [Cell(cell.model, cell.batch, cell.shape, SLICED if cell.shape.slice else ALL) for cell in cells]
    if contenders:
        cells = [Cell(cell.model, cell.batch, cell.shape, tuple(contenders)) for cell in cells]
    return cells


def unplanned(model: str, batch: int) -> Cell:
    heavy = model == "resnet18" or batch > 4096
    if model == "plain":
        return Cell(model, batch, sliced(ABRIDGED), SLICED)
    return Cell(model, batch, ABRIDGED if heavy else WHOLE)
