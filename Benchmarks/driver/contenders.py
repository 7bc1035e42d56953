"""Who is compared: names, labels, and the command line of a worker."""
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

@dataclass(frozen=True)
class Contender:
    name: str
    label: str
    program: str
    """"swift" or "python"."""
    worker_name: str
    tuned: bool = False
    slices: bool = False
    """Whether it can take a batch in slices."""
    spreads_curvature: bool = False
    """Whether each step of an interval has a part of the curvature's update: all of them count alike then."""

    @property
    def is_sgd(self) -> bool:
        return self.worker_name == "sgd"

    def arguments(
        self, tools: "Tools", model: str, inputs: Path, weights: Path | None, shape: "Shape", command: str = "steps"
    ) -> list[str]:
        """For the worker of its program."""
        words = [command, "--contender", self.worker_name, "--steps", str(shape.steps),
                 *common_arguments(tools, model, inputs, weights, shape)]
        if self.tuned:
            words.append("--tuned")
        if self.worker_name == "kfac-pytorch" and tools.kfac_source:
            words += ["--kfac-source", str(tools.kfac_source)]
        return words


def common_arguments(tools: "Tools", model: str, inputs: Path, weights: Path | None, shape: "Shape") -> list[str]:
    """What the work is, whoever does it."""
    words = ["--model", model, "--inputs", str(inputs), "--warm-up", str(shape.warm_up), "--interval",
             str(shape.interval), "--slice", str(shape.slice), "--threads", str(tools.threads), "--learning-rate",
             str(LEARNING_RATES.get(model, 0.01))]
    return words + (["--weights", str(weights)] if weights else [])


def turn_arguments(
    contenders: Sequence[Contender], turns: int, tools: "Tools", model: str, inputs: Path, weights: Path, shape: "Shape"
) -> list[str]:
    """For the Swift worker: an interval of each in turn, in one process."""
    return ["turns", "--contenders", *(contender.worker_name for contender in contenders), "--turns", str(turns),
            *common_arguments(tools, model, inputs, weights, shape)]


@dataclass(frozen=True)
class Shape:
    """How one worker spends its steps."""
    warm_up: int
    steps: int
    interval: int
    slice: int = 0


@dataclass(frozen=True)
class Tools:
    """What workers are made of."""
    swift_worker: Path
    python: Path
    threads: int
    wheel: Path | None
    """Folder of the unpacked wheel."""
    kfac_source: Path | None


CONTENDERS = {contender.name: contender for contender in [
    Contender("swift-sgd", "Swift SGD", "swift", "sgd", slices=True),
    Contender("swift-adamw", "Swift AdamW", "swift", "adamw", slices=True),
    Contender("swift-kfac", "Swift K-FAC", "swift", "kfac", slices=True),
    Contender("swift-fop-2", "Swift FOP, k = 2", "swift", "fop-2", slices=True),
    Contender("swift-fop-2-staggered", "Swift FOP, k = 2, staggered", "swift", "fop-2-staggered", slices=True,
              spreads_curvature=True),
    Contender("swift-fop-4", "Swift FOP, k = 4", "swift", "fop-4", slices=True),
    Contender("wheel-fop-2", "FOP in PyTorch (wheel)", "python", "fop-wheel"),
    Contender("torch-sgd", "PyTorch SGD, stock", "python", "sgd", slices=True),
    Contender("torch-adamw", "PyTorch AdamW, stock", "python", "adamw", slices=True),
    Contender("torch-sgd-tuned", "PyTorch SGD, tuned alike", "python", "sgd", tuned=True, slices=True),
    Contender("torch-adamw-tuned", "PyTorch AdamW, tuned alike", "python", "adamw", tuned=True, slices=True),
    Contender("asdl-empirical", "ASDL K-FAC, empirical", "python", "asdl-empirical"),
    Contender("asdl-monte-carlo", "ASDL K-FAC, Monte Carlo", "python", "asdl-monte-carlo"),
    Contender("kfac-pytorch", "kfac-pytorch", "python", "kfac-pytorch"),
    Contender("shampoo", "Shampoo (pytorch-optimizer)", "python", "shampoo"),
    Contender("soap", "SOAP (pytorch-optimizer)", "python", "soap"),
    Contender("lamb", "LAMB (pytorch-optimizer)", "python", "lamb"),
]}
BASELINE = "torch-sgd"
LEARNING_RATES = {"resnet18": 0.002}
"""SGD's, where 0.01 lets rounding errors grow over the two steps whose losses are compared."""


def unavailable(contender: Contender, tools: Tools) -> str | None:
    """Why a contender cannot run at all, or nothing."""
    if contender.name == "wheel-fop-2" and tools.wheel is None:
        return "dist/*.whl is not there: make wheel"
    if contender.name == "kfac-pytorch" and tools.kfac_source is None:
        return "not on PyPI; its source was not given: --kfac-source DIR"
    return None
