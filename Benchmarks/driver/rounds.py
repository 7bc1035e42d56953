"""The rounds of one cell: in each, every contender in turn, in a fresh process."""
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from . import machine
from .contenders import CONTENDERS, Contender, Shape, Tools, turn_arguments, unavailable
from .failure import BenchmarkError
from .inputs import Inputs
from .plan import PACE, PACED_TURNS, REFERENCE, TURNS_PER_ROUND, Cell, shape_for
from .workers import Outcome, Workers

TOLERANCE = 1e-3
"""Relative difference that is allowed between the losses of two SGD after two steps."""


def begin(cell: Cell, tools: Tools) -> dict:
    """The cell's part of the result file, before any round; what it says about itself is of now."""
    entries = {}
    for name in cell.contenders:
        contender = CONTENDERS[name]
        why = unavailable(contender, tools)
        if why is None and cell.shape.slice and not contender.slices:
            why = "does not take a batch in slices"
        entries[name] = {"status": "skipped" if why else "ok", **({"reason": why} if why else {}), "rounds": []}
    return {
        "commit": machine.commit(), "processor": machine.processor(), "started": machine.now(), "seconds": 0.0,
        "model": cell.model, "batch": cell.batch, "slice": cell.shape.slice, "warm_up_steps": cell.shape.warm_up,
        "steps_per_round": cell.shape.steps, "interval_run": cell.shape.interval,
        **({"reference_batch": cell.reference_batch} if cell.reference_batch else {}), "contenders": entries,
    }


def begin_or_go_on(cell: Cell, result: dict | None, tools: Tools) -> dict:
    """An earlier run's part of the result file, if everybody is in it; else a new one."""
    if result is None or not set(cell.contenders) <= set(result["contenders"]):
        return begin(cell, tools)
    return result


def credit(result: dict, seconds: float) -> None:
    """Notes what was added to a cell: how long it took, and commit and processor where they are others than before."""
    # Cells of earlier versions have neither.
    if "commit" in result:
        result["seconds"] += seconds
        for place, now in (("commit", machine.commit()), ("processor", machine.processor())):
            if now not in result.setdefault(place, now).split(" and "):
                result[place] += f" and {now}"


def done(result: dict, names: Sequence[str], place: str) -> int:
    """How many rounds of a kind all of these contenders have had that can run."""
    return min((len(entry.get(place, [])) for name, entry in result["contenders"].items()
                if name in names and entry["status"] == "ok"), default=0)


def run_round(
    cell: Cell, result: dict, workers: Workers, inputs: Inputs, report: Callable[[Contender, Outcome], None]
) -> None:
    """Of all contenders of a cell. Every other round goes backwards, so that nobody is always the first."""
    for name in cell.contenders if done(result, cell.contenders, "rounds") % 2 == 0 else cell.contenders[::-1]:
        entry = result["contenders"][name]
        if entry["status"] != "ok":
            continue
        contender = CONTENDERS[name]
        if cell.reference_batch:
            outcome = run(contender, cell.model, cell.reference_batch, REFERENCE, workers, inputs)
            keep(outcome, entry, "reference_rounds")
            credit(result, outcome.seconds)
        if entry["status"] == "ok":
            outcome = run(contender, cell.model, cell.batch, cell.shape, workers, inputs)
            keep(outcome, entry, "rounds")
            credit(result, outcome.seconds)
        report(contender, outcome)


def run_turns(cell: Cell, result: dict, workers: Workers, inputs: Inputs) -> float:
    """One process in which contenders take turns; what it reports is added to theirs. Returns the seconds it took."""
    contenders = [CONTENDERS[name] for name in cell.turns]
    outcome = workers.run(contenders[0], turn_arguments(
        contenders, TURNS_PER_ROUND, workers.tools, cell.model, inputs.batch(cell.model, cell.batch),
        inputs.weights(cell.model), cell.shape))
    if outcome.report is None:
        raise BenchmarkError(outcome.reason)
    for contender in contenders:
        found = outcome.report["turns"][contender.worker_name]
        result["contenders"][contender.name].setdefault("turns", []).extend(map(rounded, found))
    credit(result, outcome.seconds)
    return outcome.seconds


def run_paced(cell: Cell, result: dict, workers: Workers, inputs: Inputs) -> float:
    """A process for each of two close contenders, of which one waits while the other takes a few steps.

    What the machine does to one it does to the other within seconds, though they are different programs. Returns the
    seconds it took.
    """
    start = time.monotonic()
    shape = replace(cell.shape, steps=PACE * PACED_TURNS)
    contenders = [CONTENDERS[name] for name in cell.close]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(workers.paced(contender, [*contender.arguments(
                workers.tools, cell.model, inputs.batch(cell.model, cell.batch), inputs.weights(cell.model), shape),
                "--pace", str(PACE)]))
            for contender in contenders]
        for turn in range(PACED_TURNS):
            for process in processes if turn % 2 == 0 else processes[::-1]:
                process.go_on()
        # Of both or of none.
        for contender, report in zip(contenders, [process.report() for process in processes]):
            found = [rounded({key: report[key][first:first + PACE] for key in ("milliseconds", "curvature")})
                     for first in range(0, PACE * PACED_TURNS, PACE)]
            result["contenders"][contender.name].setdefault("paced_turns", []).extend(found)
    seconds = time.monotonic() - start
    credit(result, seconds)
    return seconds


def run(contender: Contender, model: str, batch: int, shape: Shape, workers: Workers, inputs: Inputs) -> Outcome:
    return workers.run(contender, contender.arguments(
        workers.tools, model, inputs.batch(model, batch), inputs.weights(model), shape_for(contender, shape)))


def keep(outcome: Outcome, entry: dict, place: str) -> None:
    if outcome.report is None:
        entry |= {"status": "failed", "reason": outcome.reason}
    else:
        entry.setdefault(place, []).append(rounded(outcome.report))


def rounded(report: dict) -> dict:
    short = report | {"milliseconds": [round(value, 3) for value in report["milliseconds"]]}
    if "losses" in report:
        short["losses"] = [float(f"{value:.7g}") for value in report["losses"]]
    return short


def disagreement(result: dict) -> str | None:
    """What is wrong when SGD does not do the same work everywhere: losses before the first, second and third step."""
    losses = {
        name: entry["rounds"][0]["losses"][:3] for name, entry in result["contenders"].items()
        if CONTENDERS[name].is_sgd and entry["rounds"]}
    for name, values in losses.items():
        for first, value in zip(next(iter(losses.values())), values):
            if not abs(value - first) <= TOLERANCE * abs(first):
                return f"the losses of {name} are {values}, those of {next(iter(losses))} {losses[next(iter(losses))]}"
    return None
