"""The bars that the project set itself, and what was measured."""
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from .summary import ratio, summarize

MAIN = "resnet"
REFERENCE = "reference_rounds"


@dataclass(frozen=True)
class Bar:
    what: str
    limit: float
    measure: Callable[[dict], float | None]
    """From the result file; None: not measured."""
    bound: Callable[[dict, dict | None], float | None] = lambda results, profile: None
    """What it cannot fall below on this machine, from the result file and that of the profile, where that is known."""


def rounds(results: dict, model: str, batch: int, name: str, place: str = "rounds") -> list[dict] | None:
    for cell in results["cells"].values():
        if (cell["model"], cell["batch"]) == (model, batch) and "problem" not in cell:
            entry = cell["contenders"].get(name)
            return entry.get(place) or None if entry and entry["status"] == "ok" else None
    return None


def step_ratio(
    numerator: str, denominator: str, batch: int, model: str = MAIN
) -> Callable[[dict], float | None]:
    """Of steps as near to each other as there are: in turns within a process, in turns of two, in rounds."""
    def measure(results: dict) -> float | None:
        def pairs(place: str) -> list[tuple[dict, dict]]:
            return list(zip(*(rounds(results, model, batch, name, place) or [] for name in (numerator, denominator))))
        found = pairs("turns") or pairs("paced_turns") or pairs("rounds")
        return ratio(*zip(*found)) if found else None
    return measure


def seconds_per_example(name: str) -> Callable[[dict], float | None]:
    """At a cell's batch, to those at its reference batch in the same round."""
    def measure(results: dict) -> float | None:
        large, small = rounds(results, "plain", 60_000, name), rounds(results, "plain", 60_000, name, REFERENCE)
        return ratio(large, small) / (60_000 / 2048) if large and small else None
    return measure


def memory_ratio(
    numerator: str, denominator: str, batch: int, model: str = MAIN
) -> Callable[[dict], float | None]:
    def measure(results: dict) -> float | None:
        a, b = rounds(results, model, batch, numerator), rounds(results, model, batch, denominator)
        return summarize(a).peak_bytes / summarize(b).peak_bytes if a and b else None
    return measure


def call_ratio(results: dict) -> float | None:
    times = results.get("calls", {}).get("microseconds")
    return statistics.median(a / b for a, b in zip(times["swift"], times["python"])) if times else None


def curvature_ratio(results: dict) -> float | None:
    a, b = rounds(results, MAIN, 2048, "swift-fop-2"), rounds(results, MAIN, 2048, "swift-sgd")
    return summarize(a).curvature / summarize(b).mean if a and b else None


INDISPENSABLE = ("convolutions", "batch normalisation")
"""Kinds of operators whose passes over memory no other can take along: a batch's statistics are complete before the
first of its values is normalised."""


def indispensable(results: dict, profile: dict | None) -> float | None:
    """These of PyTorch's tuned SGD, with all else free, to the whole step of stock PyTorch."""
    peers = {peer["contender"]: peer for peer in (profile or {}).get("peers", [])}
    if not {"torch-sgd", "torch-sgd-tuned"} <= set(peers):
        return None
    kinds = peers["torch-sgd-tuned"]["kinds"]
    return sum(kinds[kind] for kind in INDISPENSABLE) / peers["torch-sgd"]["milliseconds"]


OWN_WORK = {"backward": "aten::native_batch_norm_backward", "update": "aten::matmul"}
"""What FOP computes and K-FAC does not, by phase of a step: the normalisations' sums over half of the batch, and
products of a second direction and with F."""


def own_work_alone(results: dict, profile: dict | None) -> float | None:
    """K-FAC's step with FOP's further work, and all that goes with it for nothing, to K-FAC's step, batch 2048."""
    runs = {run["contender"]: run for run in (profile or {}).get("runs", []) if run["batch"] == 2048}
    if not {"kfac", "fop-2"} <= set(runs):
        return None
    more = sum(milliseconds(runs["fop-2"], *where) - milliseconds(runs["kfac"], *where) for where in OWN_WORK.items())
    return 1 + more / sum(phase["milliseconds"] for phase in runs["kfac"]["phases"])


def milliseconds(run: dict, phase: str, operator: str) -> float:
    return sum(found["milliseconds"] for part in run["phases"] if part["phase"] == phase
               for found in part["operators"] if found["name"] == operator)


def sgd_alone(other: str, batch: int) -> Callable[[dict, dict | None], float | None]:
    """Our SGD's step to the other's: FOP with curvature and projection for nothing."""
    return lambda results, profile: step_ratio("swift-sgd", other, batch)(results)


BARS = [
    Bar("Swift SGD step / stock PyTorch SGD step, batch 2048", 0.40, step_ratio("swift-sgd", "torch-sgd", 2048),
        indispensable),
    Bar("Swift SGD step / PyTorch SGD tuned alike, batch 2048", 1.00, step_ratio("swift-sgd", "torch-sgd-tuned", 2048)),
    Bar("FOP step / our own SGD step, batch 2048", 1.10, step_ratio("swift-fop-2", "swift-sgd", 2048)),
    Bar("the same, batch 512", 1.20, step_ratio("swift-fop-2", "swift-sgd", 512)),
    Bar("FOP step / our K-FAC step, batch 2048", 1.03, step_ratio("swift-fop-2", "swift-kfac", 2048), own_work_alone),
    Bar("FOP step / ASDL's K-FAC step (empirical), batch 2048", 0.40,
        step_ratio("swift-fop-2", "asdl-empirical", 2048), sgd_alone("asdl-empirical", 2048)),
    Bar("seconds per example, batch 60,000 / batch 2048, FOP, sliced", 1.05, seconds_per_example("swift-fop-2")),
    Bar("the same, SGD", 1.05, seconds_per_example("swift-sgd")),
    Bar("peak memory, FOP / SGD, batch 2048", 1.25, memory_ratio("swift-fop-2", "swift-sgd", 2048)),
    Bar("operator call from Swift / the same from Python", 1.0, call_ratio),
    Bar("a curvature step alone / SGD step, batch 2048", 1.5, curvature_ratio),
    Bar("FOP in PyTorch (wheel) / stock PyTorch SGD, batch 512", 1.25, step_ratio("wheel-fop-2", "torch-sgd", 512)),
    Bar("the same, batch 2048", 1.15, step_ratio("wheel-fop-2", "torch-sgd", 2048)),
    Bar("the same, ResNet-18, batch 512", 1.25, step_ratio("wheel-fop-2", "torch-sgd", 512, "resnet18")),
    Bar("the same, ResNet-18, batch 2048", 1.15, step_ratio("wheel-fop-2", "torch-sgd", 2048, "resnet18")),
    Bar("peak memory, FOP in PyTorch / stock PyTorch SGD, batch 2048", 1.3,
        memory_ratio("wheel-fop-2", "torch-sgd", 2048)),
    Bar("the same, ResNet-18, batch 512", 1.3, memory_ratio("wheel-fop-2", "torch-sgd", 512, "resnet18")),
    Bar("the same, ResNet-18, batch 2048", 1.3, memory_ratio("wheel-fop-2", "torch-sgd", 2048, "resnet18")),
]
HEADER = ["what", "bar", "measured", "", "bound"]


def bar_rows(results: dict, profile: dict | None = None) -> list[list[str]]:
    rows = []
    for bar in BARS:
        value, bound = bar.measure(results), bar.bound(results, profile)
        verdict = "not measured" if value is None else "met" if value <= bar.limit else "not met"
        rows.append([bar.what, f"{bar.limit:.2f}", number(value, "-"), verdict, number(bound, "")])
    return rows


def number(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else f"{value:.3f}"
