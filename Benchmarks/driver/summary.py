"""Numbers out of what was measured. A step with curvature counts once, the others together INTERVAL - 1 times."""
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .plan import INTERVAL


@dataclass(frozen=True)
class Summary:
    mean: float
    """ms per step over an interval, median over rounds: what a run of many steps costs."""
    median: float
    p95: float
    """Over the steps of all rounds."""
    plain: float
    """ms of a step without curvature."""
    curvature: float | None
    """ms of a step that updates curvature and inverses."""
    peak_bytes: float
    growth_bytes: float
    """Peak memory less what the process held before its first step."""


def summarize(rounds: list[dict]) -> Summary:
    weighted = sorted(pair for round_ in rounds for pair in weights(round_))
    plain = [ms for round_ in rounds for ms, due in steps(round_) if not due]
    curvature = [ms for round_ in rounds for ms, due in steps(round_) if due]
    return Summary(
        mean=statistics.median(round_mean(round_) for round_ in rounds), median=quantile(weighted, 0.5),
        p95=quantile(weighted, 0.95), plain=statistics.median(plain),
        curvature=statistics.median(curvature) if curvature else None,
        peak_bytes=statistics.median(round_["peak_memory_bytes"] for round_ in rounds),
        growth_bytes=statistics.median(
            round_["peak_memory_bytes"] - round_["start_memory_bytes"] for round_ in rounds))


def steps(round_: dict) -> list[tuple[float, bool]]:
    return list(zip(round_["milliseconds"], round_["curvature"]))


def weights(round_: dict) -> list[tuple[float, float]]:
    """Each step's time with the share of an interval that it stands for."""
    due = sum(round_["curvature"])
    plain = len(round_["curvature"]) - due
    if due == 0:
        return [(ms, 1 / plain) for ms, _ in steps(round_)]
    return [(ms, 1 / INTERVAL / due if is_due else (1 - 1 / INTERVAL) / plain) for ms, is_due in steps(round_)]


def round_mean(round_: dict) -> float:
    return sum(ms * weight for ms, weight in weights(round_))


def quantile(weighted: list[tuple[float, float]], share: float) -> float:
    total = sum(weight for _, weight in weighted)
    reached = 0.0
    for ms, weight in weighted:
        reached += weight
        if reached >= share * total - 1e-9:
            return ms
    return weighted[-1][0]


def ratio(numerator: Sequence[dict], denominator: Sequence[dict]) -> float:
    """The median over rounds of the quotient within a round: what both saw of the machine falls out."""
    return statistics.median(round_mean(a) / round_mean(b) for a, b in zip(numerator, denominator))
