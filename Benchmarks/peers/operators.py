"""Where the time of a PyTorch step goes, by kind of operator."""
from collections import Counter
from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile

KINDS = {
    "_foreach_": "update", "sgd": "update", "convolution": "convolutions", "batch_norm": "batch normalisation",
    "relu": "ReLU", "threshold": "ReLU", "add": "additions",
}
"""What an operator's name has in it, and its kind: the first that fits counts."""
OTHERS = "all else"
NOT_ADDITIONS = ("addmm",)
"""Names that have "add" in them and are none of the network's additions."""


def by_kind(step: Callable[[], float], warm_up: int, steps: int) -> dict[str, float]:
    """Milliseconds per step, each operator without those that it calls; the sum is the time inside of operators."""
    for _ in range(warm_up):
        step()
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(steps):
            step()
    times: Counter[str] = Counter()
    for event in found.key_averages():
        times[kind(event.key)] += event.self_cpu_time_total / 1e3 / steps
    return dict(times)


def kind(operator: str) -> str:
    name = operator.lower()
    if name.removeprefix("aten::").startswith(NOT_ADDITIONS):
        return OTHERS
    return next((kind for part, kind in KINDS.items() if part in name), OTHERS)
