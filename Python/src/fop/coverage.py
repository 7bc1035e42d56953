"""How each parameter of a model is updated, as a table."""

from collections.abc import Sequence
from dataclasses import dataclass


METHODS = {"kronecker": "Kronecker", "ekfac": "EKFAC", "diagonal": "diagonal", "unit-wise": "unit-wise"}
"""How the table calls the engine's kinds of blocks."""


@dataclass(frozen=True)
class Row:
    """One parameter."""

    parameter: str
    method: str
    """`Kronecker`, `EKFAC`, `diagonal`, `unit-wise`, the fallback's name, or `frozen`."""
    factors: str
    """The sizes of the layer's factors, on its first parameter."""
    bytes: int
    """What factors and inverses take, on the layer's first parameter."""
    numbers: int
    share: float
    """Its part of all numbers of the model."""


class Coverage:
    """The rows; printed, a table that lines up."""

    def __init__(self, rows: Sequence[Row]):
        self.rows = tuple(rows)

    def share(self, method: str) -> float:
        """The part of the model's numbers that are updated by this method."""
        return sum(row.share for row in self.rows if row.method == method)

    @property
    def bytes(self) -> int:
        """What the curvature of all layers takes."""
        return sum(row.bytes for row in self.rows)

    def __str__(self) -> str:
        cells = [("parameter", "method", "factors", "bytes", "numbers", "share")]
        cells += [(row.parameter, row.method, row.factors, f"{row.bytes:,}" if row.bytes else "", f"{row.numbers:,}",
                   f"{row.share:.1%}") for row in self.rows]
        widths = [max(len(line[column]) for line in cells) for column in range(6)]
        lines = ("  ".join(text.ljust(width) if column < 3 else text.rjust(width)
                           for column, (text, width) in enumerate(zip(line, widths))) for line in cells)
        methods = dict.fromkeys(row.method for row in self.rows)
        total = ", ".join(f"{method} {self.share(method):.1%}" for method in methods)
        return "\n".join(line.rstrip() for line in lines) + f"\n{total}; curvature {_size(self.bytes)}"

    __repr__ = __str__


def _size(count: int) -> str:
    """A number of bytes, in the unit that leaves a digit before the point."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"
