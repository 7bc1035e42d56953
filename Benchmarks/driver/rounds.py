"""The rounds of one cell: in each, every contender in turn, in a fresh process."""
from collections.abc import Callable

from .contenders import CONTENDERS, Contender, Tools, unavailable
from .inputs import Inputs
from .plan import Cell
from .workers import Outcome, Workers

TOLERANCE = 1e-3
"""Relative difference that is allowed between the losses of two SGD after two steps."""


def begin(cell: Cell, tools: Tools) -> dict:
    """The cell's part of the result file, before any round."""
    entries = {}
    for name in cell.contenders:
        contender = CONTENDERS[name]
        why = unavailable(contender, tools)
        if why is None and cell.shape.slice and not contender.slices:
            why = "does not take a batch in slices"
        entries[name] = {"status": "skipped" if why else "ok", **({"reason": why} if why else {}), "rounds": []}
    return {
        "model": cell.model, "batch": cell.batch, "slice": cell.shape.slice, "warm_up_steps": cell.shape.warm_up,
        "steps_per_round": cell.shape.steps, "interval_run": cell.shape.interval, "contenders": entries,
    }


def run_round(
    cell: Cell, result: dict, workers: Workers, inputs: Inputs, report: Callable[[Contender, Outcome], None]
) -> None:
    for name, entry in result["contenders"].items():
        if entry["status"] != "ok":
            continue
        contender = CONTENDERS[name]
        outcome = workers.run(contender, contender.arguments(
            workers.tools, cell.model, inputs.batch(cell.model, cell.batch), inputs.weights(cell.model), cell.shape))
        if outcome.report is None:
            entry |= {"status": "failed", "reason": outcome.reason}
        else:
            entry["rounds"].append(rounded(outcome.report))
        report(contender, outcome)


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
