"""What calling an operator costs from Swift and from Python, in turns."""
import statistics

from .contenders import Contender
from .failure import BenchmarkError
from .workers import Workers

CALLERS = [Contender("swift", "Swift", "swift", "calls"), Contender("python", "Python", "python", "calls")]

ROUNDS = 9
"""At least so many: they take a fraction of a second each."""


def measure(workers: Workers, rounds: int) -> dict:
    results = {caller.name: [] for caller in CALLERS}
    for _ in range(rounds):
        for caller in CALLERS:
            outcome = workers.run(caller, ["calls"])
            if outcome.report is None:
                raise BenchmarkError(f"operator calls from {caller.label}: {outcome.reason}")
            results[caller.name].append(round(statistics.median(outcome.report["microseconds"]), 4))
    return {"what": "torch.mm of two 2 x 2 matrices, autograd recording, 1 thread", "microseconds": results}
