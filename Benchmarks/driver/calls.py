"""What calling an operator costs from Swift and from Python, in turns."""
import statistics

from .contenders import PEERS, Contender, Tools
from .failure import BenchmarkError
from .workers import environment, run_worker

CALLERS = [Contender("swift", "Swift", "swift", "calls"), Contender("python", "Python", "python", "calls")]


def measure(tools: Tools, rounds: int, repetitions: int) -> dict:
    results = {caller.name: [] for caller in CALLERS}
    for _ in range(rounds):
        for caller in CALLERS:
            program = [str(tools.swift_worker)] if caller.program == "swift" else [str(tools.python), str(PEERS)]
            outcome = run_worker([*program, "calls", "--repetitions", str(repetitions)], environment(caller, tools))
            if outcome.report is None:
                raise BenchmarkError(f"operator calls from {caller.label}: {outcome.reason}")
            results[caller.name].append(round(statistics.median(outcome.report["microseconds"]), 4))
    return {"what": "torch.mm of two 2 x 2 matrices, autograd recording, 1 thread", "microseconds": results}
