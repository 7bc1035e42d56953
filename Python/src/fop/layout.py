"""What tells a saved state's model from others: the shape of each parameter, and what stands for it. Momentum and
factors need not be there to tell."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

KEY = "layout"
ADVICE = "it is of another model"
FROZEN = "frozen"
ADAMW = "AdamW"


def layout_of(names: Mapping[nn.Parameter, str], treatments: Mapping[nn.Parameter, str]) -> dict[str, dict[str, Any]]:
    """As a state keeps it: by parameter name, in the model's order."""
    return {name: {"shape": list(parameter.shape), "treatment": treatments[parameter]}
            for parameter, name in names.items()}


def check_parameters(saved: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Raises ValueError naming the first parameter, in the model's order, that the saved layout lacks or that has
    another shape there, or else one that the model lacks."""
    for name, entry in own.items():
        if name not in saved:
            raise ValueError(f"the saved state has no parameter '{name}' of shape {tuple(entry['shape'])}: {ADVICE}")
        if list(saved[name]["shape"]) != entry["shape"]:
            raise ValueError(f"the saved state's '{name}' has shape {tuple(saved[name]['shape'])} where "
                             f"{tuple(entry['shape'])} is expected: {ADVICE}")
    check_names(saved, own, {name: entry["shape"] for name, entry in saved.items()})


def check_names(saved: Iterable[str], own: Iterable[str], shapes: Mapping[str, Iterable[int]] | None = None) -> None:
    """Raises ValueError naming the first of the saved parameters that the model does not have."""
    known = set(own)
    for name in saved:
        if name not in known:
            shape = f" of shape {tuple(shapes[name])}" if shapes else ""
            raise ValueError(f"the saved state has a parameter '{name}'{shape}, which the model has not: {ADVICE}")


def check_treatments(saved: Mapping[str, Any], own: Mapping[str, Any], with_factors: bool) -> None:
    """Raises ValueError naming the first parameter that something else stood for. What was frozen had no curvature, and
    without factors it matters only whose buffers there are."""
    for name, entry in own.items():
        before, now = saved[name]["treatment"], entry["treatment"]
        if before in (now, FROZEN) or (not with_factors and (before == ADAMW) == (now == ADAMW)):
            continue
        advice = "use the options that it was saved with"
        if now == FROZEN:
            advice = "let it train as it did then"
        if (before == ADAMW) == (now == ADAMW):
            advice += ", or load_state_dict(..., include_factors=False) to estimate the curvature anew"
        raise ValueError(f"the saved state's '{name}' was updated by {before}, and is {'' if now == FROZEN else 'by '}"
                         f"{now} here: {advice}")
