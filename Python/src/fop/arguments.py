"""The options of the optimizer: what is legal, and the engine's notation for them. The engine checks its own."""

import contextlib
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

Interval = int | Literal["auto"] | Callable[[int], int]


def interval_text(name: str, interval: Interval) -> str:
    """The engine's notation of an interval."""
    if callable(interval):
        return "function"
    if isinstance(interval, str) and interval == "auto":
        return interval
    try:
        if not isinstance(interval, bool):
            return str(operator.index(interval))
    except TypeError:
        pass
    raise ValueError(f"{name} is {interval!r}: use 'auto', a whole number of 1 or more, or a function of the step")


def interval_now(name: str, interval: Interval, step: int) -> int:
    """What a function says for a step; the engine knows the others itself."""
    if not callable(interval):
        return 1
    value = interval(step)
    with contextlib.suppress(TypeError):
        if not isinstance(value, bool) and operator.index(value) >= 1:
            return operator.index(value)
    raise ValueError(f"{name}({step}) is {value!r}: return a whole number of 1 or more")


def number_text(name: str, value: Any, *words: str, none: bool = False) -> str:
    """The engine's notation of a number or one of some words."""
    if isinstance(value, str):
        if value in words:
            return value
    elif not isinstance(value, bool):
        # Numbers of numpy and tensors of one number too.
        with contextlib.suppress(TypeError, ValueError, RuntimeError):
            return repr(float(value))
    legal = " or ".join(["a number", *map(repr, words), *["None"] * none])
    raise ValueError(f"{name} is {value!r}: use {legal}")


def check_number(name: str, value: Any, *, below: float = math.inf) -> None:
    """Raises unless the value is a finite number of 0 or more, and below the bound."""
    try:
        number = math.nan if isinstance(value, (str, bool)) else float(value)
    except (TypeError, ValueError, RuntimeError):
        number = math.nan
    if not (0 <= number < below and math.isfinite(number)):
        bound = "a finite number of 0 or more" if below == math.inf else f"a number from 0 to below {below:g}"
        raise ValueError(f"{name} is {value!r}: use {bound}")


def check_group(settings: Mapping[str, Any]) -> None:
    """Raises unless a parameter group's numbers are legal."""
    check_number("lr", settings["lr"])
    check_number("momentum", settings["momentum"], below=1)
    check_number("weight_decay", settings["weight_decay"])


def check_finite(groups: Iterable[Mapping[str, Any]]) -> None:
    """Raises where a schedule has left numbers in the parameter groups that no step can be taken with."""
    for place, group in enumerate(groups):
        for key in ("lr", "momentum", "weight_decay"):
            if not math.isfinite(group[key]):
                raise ValueError(f"param_groups[{place}]['{key}'] is {group[key]!r}: use a finite number, and look at "
                                 "what sets it (a learning-rate scheduler?)")


def check_choice(name: str, value: Any, *choices: str) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}: use {' or '.join(map(repr, choices))}")
