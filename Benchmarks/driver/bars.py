"""The bars that the project set itself, and what was measured."""
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from .summary import ratio, round_mean, summarize

MAIN = "resnet"


@dataclass(frozen=True)
class Bar:
    what: str
    limit: float
    measure: Callable[[dict], float | None]
    """From the result file; None: not measured."""


def rounds(results: dict, model: str, batch: int, name: str) -> list[dict] | None:
    for cell in results["cells"].values():
        if (cell["model"], cell["batch"]) == (model, batch) and "problem" not in cell:
            entry = cell["contenders"].get(name)
            return entry["rounds"] if entry and entry["status"] == "ok" and entry["rounds"] else None
    return None


def step_ratio(
    numerator: str, denominator: str, batch: int, model: str = MAIN
) -> Callable[[dict], float | None]:
    def measure(results: dict) -> float | None:
        a, b = rounds(results, model, batch, numerator), rounds(results, model, batch, denominator)
        return ratio(a, b) if a and b else None
    return measure


def seconds_per_example(name: str) -> Callable[[dict], float | None]:
    def measure(results: dict) -> float | None:
        large, small = rounds(results, "plain", 60_000, name), rounds(results, "plain", 2048, name)
        if not (large and small):
            return None
        return statistics.median(map(round_mean, large)) / 60_000 / (statistics.median(map(round_mean, small)) / 2048)
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


BARS = [
    Bar("Swift SGD step / stock PyTorch SGD step, batch 2048", 0.40, step_ratio("swift-sgd", "torch-sgd", 2048)),
    Bar("Swift SGD step / PyTorch SGD tuned alike, batch 2048", 1.00, step_ratio("swift-sgd", "torch-sgd-tuned", 2048)),
    Bar("FOP step / our own SGD step, batch 2048", 1.10, step_ratio("swift-fop-2", "swift-sgd", 2048)),
    Bar("the same, batch 512", 1.20, step_ratio("swift-fop-2", "swift-sgd", 512)),
    Bar("FOP step / our K-FAC step, batch 2048", 1.03, step_ratio("swift-fop-2", "swift-kfac", 2048)),
    Bar("FOP step / ASDL's K-FAC step (empirical), batch 2048", 0.40,
        step_ratio("swift-fop-2", "asdl-empirical", 2048)),
    Bar("seconds per example, batch 60,000 / batch 2048, FOP, sliced", 1.05, seconds_per_example("swift-fop-2")),
    Bar("the same, SGD", 1.05, seconds_per_example("swift-sgd")),
    Bar("peak memory, FOP / SGD, batch 2048", 1.25, memory_ratio("swift-fop-2", "swift-sgd", 2048)),
    Bar("operator call from Swift / the same from Python", 1.0, call_ratio),
    Bar("a curvature step alone / SGD step, batch 2048", 1.5, curvature_ratio),
    Bar("FOP in PyTorch (wheel) / stock PyTorch SGD, batch 512", 1.25, step_ratio("wheel-fop-2", "torch-sgd", 512)),
    Bar("the same, batch 2048", 1.15, step_ratio("wheel-fop-2", "torch-sgd", 2048)),
    Bar("the same, ResNet-18, batch 512", 1.25, step_ratio("wheel-fop-2", "torch-sgd", 512, "resnet18")),
    Bar("peak memory, FOP in PyTorch / stock PyTorch SGD, batch 2048", 1.3,
        memory_ratio("wheel-fop-2", "torch-sgd", 2048)),
    Bar("the same, ResNet-18, batch 512", 1.3, memory_ratio("wheel-fop-2", "torch-sgd", 512, "resnet18")),
]
HEADER = ["what", "bar", "measured", ""]


def bar_rows(results: dict) -> list[list[str]]:
    rows = []
    for bar in BARS:
        value = bar.measure(results)
        verdict = "not measured" if value is None else "met" if value <= bar.limit else "not met"
        rows.append([bar.what, f"{bar.limit:.2f}", "-" if value is None else f"{value:.3f}", verdict])
    return rows
