"""The rounds of one cell: in each, every contender in turn, in a fresh process."""
from collections.abc import Callable, Sequence

from . import machine
from .contenders import CONTENDERS, Contender, Shape, Tools, unavailable
from .inputs import Inputs
from .plan import REFERENCE, Cell, shape_for
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
        if cell.reference_batch:
            entries[name]["reference_rounds"] = []
    return {
        "commit": machine.commit(), "started": machine.now(), "seconds": 0.0, "model": cell.model, "batch": cell.batch,
        "slice": cell.shape.slice, "warm_up_steps": cell.shape.warm_up,
        "steps_per_round": cell.shape.steps, "interval_run": cell.shape.interval,
        **({"reference_batch": cell.reference_batch} if cell.reference_batch else {}), "contenders": entries,
    }


def names_in_turn(cell: Cell, number: int, rounds: int) -> tuple[str, ...]:
    """Who runs in a round, the first being 1: every other round goes backwards, so that nobody is always the first.

    Rounds beyond `rounds` are those of the close contenders alone.
    """
    names = cell.contenders if number <= rounds else cell.close
    return names if number % 2 else names[::-1]


def run_round(
    cell: Cell, names: Sequence[str], result: dict, workers: Workers, inputs: Inputs,
    report: Callable[[Contender, Outcome], None]
) -> None:
    for name in names:
        entry = result["contenders"][name]
        if entry["status"] != "ok":
            continue
        contender = CONTENDERS[name]
        if cell.reference_batch:
            outcome = run(contender, cell.model, cell.reference_batch, REFERENCE, workers, inputs)
            keep(outcome, entry, "reference_rounds")
            result["seconds"] += outcome.seconds
        if entry["status"] == "ok":
            outcome = run(contender, cell.model, cell.batch, cell.shape, workers, inputs)
            keep(outcome, entry, "rounds")
            result["seconds"] += outcome.seconds
        report(contender, outcome)


def run(contender: Contender, model: str, batch: int, shape: Shape, workers: Workers, inputs: Inputs) -> Outcome:
    return workers.run(contender, contender.arguments(
        workers.tools, model, inputs.batch(model, batch), inputs.weights(model), shape_for(contender, shape)))


def keep(outcome: Outcome, entry: dict, place: str) -> None:
    if outcome.report is None:
        entry |= {"status": "failed", "reason": outcome.reason}
    else:
        entry[place].append(rounded(outcome.report))


def rounded(report: dict) -> dict:
    return report | {
        "milliseconds": [round(value, 3) for value in report["milliseconds"]],
        "losses": [float(f"{value:.7g}") for value in report["losses"]],
    }


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
