"""Parameter groups: what a model and the arguments make of them."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from .arguments import check_number


def check_parameters(model: nn.Module) -> None:
    """Raises where a parameter is of a kind that cannot be trained."""
    for name, parameter in model.named_parameters():
        if isinstance(parameter, nn.parameter.UninitializedParameter):
            raise ValueError(f"{name} has no shape yet: call the model on a batch before making the optimizer")
        if parameter.is_complex():
            raise ValueError(f"{name} is complex ({parameter.dtype}), which fop cannot train")


def fallback_scale(fallback_lr: float | None, lr: float | Tensor) -> float:
    """What the fallback's learning rate is, as a multiple of the others'."""
    if fallback_lr is None:
        return 1.0
    check_number("fallback_lr", fallback_lr)
    if float(lr) == 0:
        raise ValueError("fallback_lr follows lr in proportion, and lr is 0: use an lr above 0")
    return float(fallback_lr) / float(lr)


def groups_of(model: nn.Module, params: Iterable[Any] | None) -> list[dict[str, Any]]:
    """The user's groups, and one for the rest of the model."""
    if isinstance(params, Tensor) or (params is not None and not isinstance(params, Iterable)):
        raise ValueError(f"params is {params!r}: use parameters, or dictionaries with 'params' in each")
    given = list(params) if params is not None else []
    if given and not isinstance(given[0], dict):
        given = [{"params": given}]
    if not all(isinstance(group, dict) and "params" in group for group in given):
        raise ValueError("params has groups without 'params': use parameters, or dictionaries with 'params' in each")
    given = [{**group, "params": _as_list(group["params"])} for group in given]
    taken = {parameter for group in given for parameter in group["params"]}
    rest = [parameter for parameter in model.parameters() if parameter not in taken]
    if rest:
        given.append({"params": rest})
    if not given:
        raise ValueError("the model has no parameters")
    return given


def _as_list(params: Any) -> list[nn.Parameter]:
    """Parameters, of which torch.optim also takes one alone, or pairs with names."""
    members = [params] if isinstance(params, Tensor) else list(params)
    return [member[1] if isinstance(member, tuple) else member for member in members]
