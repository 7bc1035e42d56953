"""How each parameter of a model is updated, as a table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from .layers import Layer
from .names import layer_of

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


def rows(
    layers: Iterable[Layer], names: Mapping[nn.Parameter, str], fallback: str, shapes: Mapping[str, Sequence[int]]
) -> list[Row]:
    """One per parameter: those of the layers first, then the others.

    Args:
        layers: those whose blocks update their parameters.
        names: of all parameters.
        fallback: what updates the rest.
        shapes: the tensors of the engine's state.
    """
    total = max(1, sum(parameter.numel() for parameter in names))
    known = {layer.name for layer in layers}
    found = {parameter: Row(name, fallback if parameter.requires_grad else "frozen", "", 0, parameter.numel(),
                            parameter.numel() / total) for parameter, name in names.items()}
    covered = []
    for layer in layers:
        own = {key.removeprefix(f"{layer.name}."): shape for key, shape in shapes.items()
               if layer_of(key, known) == layer.name}
        factors = " ".join("x".join(map(str, shape)) for key, shape in sorted(own.items())
                           if key.partition(".")[0].endswith("factor") or key == "fisher")
        numbers = sum(torch.Size(shape).numel() for shape in own.values())
        for place, (name, parameter) in enumerate(zip(layer.parameter_names, layer.parameters)):
            found.pop(parameter, None)
            width = 8 if parameter.dtype == torch.float64 else 4
            covered.append(Row(
                name, layer.method if parameter.requires_grad else "frozen", "" if place else factors,
                0 if place else numbers * width, parameter.numel(), parameter.numel() / total))
    return covered + list(found.values())


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
