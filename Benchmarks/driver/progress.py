"""Says what is done, how long it took and what remains."""
import statistics
import sys
from collections.abc import Sequence

from .contenders import CONTENDERS, Contender
from .plan import Cell
from .summary import round_mean
from .workers import Outcome


class Progress:
    def __init__(self, cells: list[Cell], rounds: int, found: dict[str, dict]):
        """`found`: the cells that the result file has already."""
        self.remaining = {
            (cell.key, name): missing(found.get(cell.key), name, "rounds", rounds)
            for cell in cells for name in cell.contenders}
        self.seen: dict[tuple[str, str], float] = {}
        """Seconds that a worker took; of those not seen yet the mean of the others is expected."""

    def drop(self, cell: Cell, name: str) -> None:
        """A contender that will not run (again)."""
        self.remaining[cell.key, name] = 0

    def drop_cell(self, cell: Cell) -> None:
        for name in cell.contenders:
            self.drop(cell, name)

    def done(self, cell: Cell, what_for: str, contender: Contender, outcome: Outcome) -> None:
        key = (cell.key, contender.name)
        self.seen[key] = outcome.seconds
        self.remaining[key] = max(0, self.remaining[key] - 1)
        if outcome.report is None:
            self.drop(cell, contender.name)
        what = f"{round_mean(outcome.report):10.1f} ms/step" if outcome.report else f"failed: {outcome.reason}"
        print(f"  {cell.key:<28} {what_for:<13} {contender.label:<28} {what}   {self.left()}",
              file=sys.stderr, flush=True)

    def turns_done(self, cell: Cell, what_for: str, names: Sequence[str], seconds: float) -> None:
        print(f"  {cell.key:<28} {what_for}, in turns: {', '.join(names)}   {seconds:.0f} s",
              file=sys.stderr, flush=True)

    def left(self) -> str:
        typical = statistics.mean(self.seen.values())
        seconds = sum(self.seen.get(key, typical) * count for key, count in self.remaining.items())
        return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"


def missing(cell: dict | None, name: str, place: str, wanted: int) -> int:
    entry = cell["contenders"].get(name, {}) if cell else {}
    return max(0, wanted - len(entry.get(place, [])))
