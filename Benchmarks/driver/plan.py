"""Which models and batches are measured, with which contenders and how many steps."""
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .contenders import CONTENDERS, Contender, Shape

INTERVAL = 10
"""Steps from one update of curvature and inverses to the next, for all that have any."""

ALL = tuple(CONTENDERS)
CORE = ("swift-sgd", "swift-kfac", "swift-fop-2", "wheel-fop-2", "torch-sgd", "torch-sgd-tuned", "asdl-empirical")
"""Those that the bars compare: where a round of all would take minutes."""
WHEEL = ("wheel-fop-2", "torch-sgd")
"""What a PyTorch user changes: where a step takes ten seconds and more."""
CLOSE = ("swift-sgd", "torch-sgd-tuned")
"""Those between which a bar asks for a difference of a few per cent, less than what rounds spread by."""
TURNS = ("swift-sgd", "swift-kfac", "swift-fop-2")
"""Such ones of a single program, which can take turns within one process."""
SLICED = ("swift-sgd", "swift-fop-2", "torch-sgd", "torch-sgd-tuned")

WHOLE = Shape(warm_up=2, steps=INTERVAL, interval=INTERVAL)
"""A whole interval in each round."""
ABRIDGED = Shape(warm_up=2, steps=3, interval=3)
"""Where steps take seconds: a step with curvature and two without, weighted as 1 to 9 afterwards."""
SHORTEST = Shape(warm_up=2, steps=2, interval=2)
"""One of each, where they take many."""
HEAVIEST = Shape(warm_up=1, steps=2, interval=2)
"""The same where a step takes ten seconds and more: the first step, which has curvature too, is warm-up enough."""


@dataclass(frozen=True)
class Cell:
    """One model at one batch."""
    model: str
    batch: int
    shape: Shape = WHOLE
    contenders: tuple[str, ...] = ALL
    close: tuple[str, ...] = ()
    """Two contenders that are also compared a few steps at a time, each in a process that waits for the other."""
    turns: tuple[str, ...] = ()
    """Contenders that are also compared within a process, interval by interval."""
    reference_batch: int | None = None
    """Another batch that contenders are given in each round, with which this one is compared."""

    @property
    def key(self) -> str:
        return f"{self.model}:{self.batch}" + (f":slices of {self.shape.slice}" if self.shape.slice else "")


def sliced(shape: Shape) -> Shape:
    return Shape(shape.warm_up, shape.steps, shape.interval, SLICE)


def shape_for(contender: Contender, shape: Shape) -> Shape:
    """A whole interval for whoever spreads the curvature over it: no part of it stands for the rest."""
    return replace(shape, steps=INTERVAL, interval=INTERVAL) if contender.spreads_curvature else shape


MODELS = {
    "resnet": "the network of `make run`",
    "resnet18": "ResNet-18 for 32 x 32 pictures",
    "vit": "vision transformer, 4 blocks of width 64",
    "plain": "the convolutions of `make run` without BatchNorm",
}
SLICE = 256

TURNS_PER_ROUND = 5
"""Intervals that each has of those that take turns within a process; there are as many processes as rounds."""
PACE = 5
"""Steps that two take in turn whose processes wait for each other."""
PACED_TURNS = 10
"""Turns that each of them has in a pair of processes; there are as many pairs as rounds."""

DEFAULT = [
    Cell("resnet", 2048, close=CLOSE, turns=TURNS),
    Cell("resnet", 512, close=CLOSE, turns=TURNS),
    Cell("resnet", 256),
    Cell("resnet", 8192, SHORTEST, CORE),
    Cell("vit", 256, WHOLE, CORE),
    Cell("resnet18", 64, SHORTEST, (*(name for name in CORE if name != "swift-kfac"), "swift-fop-2-staggered")),
    Cell("resnet18", 512, HEAVIEST, WHEEL),
    Cell("plain", 2048, sliced(WHOLE), SLICED),
    Cell("plain", 60_000, sliced(SHORTEST), ("swift-sgd", "swift-fop-2"), reference_batch=2048),
]
HEAVY = [Cell("resnet18", 2048, HEAVIEST, WHEEL)]
"""Half an hour by themselves, and some 20 GB: with `--full`, or when asked for."""
REFERENCE = sliced(WHOLE)
"""How the reference batch is run."""
QUICK = [Cell("resnet", 64, ABRIDGED)]


def make_plan(
    quick: bool, full: bool, models: Sequence[str] | None, batches: Sequence[int] | None,
    contenders: Sequence[str] | None
) -> list[Cell]:
    cells = list(QUICK if quick else DEFAULT + HEAVY if full else DEFAULT)
    if models or batches:
        wanted_models = models or sorted({cell.model for cell in cells}, key=list(MODELS).index)
        planned = {(cell.model, cell.batch): cell for cell in DEFAULT + HEAVY}
        cells = [
            planned.get((model, batch)) or unplanned(model, batch)
            for model in wanted_models
            for batch in (batches or [cell.batch for cell in (QUICK if quick else DEFAULT) if cell.model == model]
                          or [256])]
    if full:
        cells = [replace(cell, contenders=SLICED if cell.shape.slice else ALL) for cell in cells]
    if contenders:
        cells = [with_contenders(cell, contenders) for cell in cells]
    return cells


def with_contenders(cell: Cell, names: Sequence[str]) -> Cell:
    def among(those: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in those if name in names)
    def several(those: tuple[str, ...]) -> tuple[str, ...]:
        return those if len(those) > 1 else ()
    return replace(
        cell, contenders=tuple(names), close=several(among(cell.close)), turns=several(among(cell.turns)))


def unplanned(model: str, batch: int) -> Cell:
    heavy = model == "resnet18" or batch > 4096
    if model == "plain":
        return Cell(model, batch, sliced(ABRIDGED), SLICED)
    return Cell(model, batch, ABRIDGED if heavy else WHOLE)
