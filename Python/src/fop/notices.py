"""Warnings about what the optimizer leaves to others, each given once."""

import warnings
from collections.abc import Container, Iterable

from torch import nn

from .layers import Layer


class Notices:
    """What was warned of already."""

    def __init__(self) -> None:
        self._named: set[str] = set()

    def has_named(self, name: str) -> bool:
        """Whether a warning named this parameter or layer."""
        return name in self._named

    def of_strangers(self, model: nn.Module | None, known: Container[nn.Parameter]) -> None:
        """Parameters that came into the model after this optimizer was made, as with torch.optim."""
        if model is None or all(parameter in known or parameter.grad is None for parameter in model.parameters()):
            return
        names = [name for name, parameter in model.named_parameters()
                 if parameter not in known and parameter.grad is not None and name not in self._named]
        self._named.update(names)
        if names:
            warnings.warn(
                f"fop: {', '.join(names)} came into the model after the optimizer was made, which does not update them: "
                "make it anew, or use add_param_group", stacklevel=_THE_LOOP)

    def of_silent_layers(
        self, layers: Iterable[Layer], new: Container[Layer], gradients: Container[nn.Parameter],
        covered: Container[nn.Parameter]
    ) -> None:
        """Those with gradients that took no part in the step: `covered` are the parameters that did, `new` the layers
        that no forward pass was looked for in yet."""
        silent = [layer for layer in layers
                  if not layer.was_recorded and not layer.was_idle and layer not in new
                  and layer.name not in self._named
                  and all(parameter in gradients and parameter not in covered for parameter in layer.parameters)]
        self._named.update(layer.name for layer in silent)
        # Nobody has to do anything about these.
        unexplained = [layer.name for layer in silent if layer.is_unexplained and not layer.is_shared]
        silent = [layer.name for layer in silent if not layer.is_unexplained]
        if silent:
            warnings.warn(
                f"fop: nothing was seen passing through {_listed(silent)}, whose parameters have gradients: they are "
                "updated by the fallback (their modules are not called themselves, or in a way that hooks cannot see)",
                stacklevel=_THE_LOOP)
        if unexplained:
            warnings.warn(
                f"fop: the gradients of {_listed(unexplained)} are not what passes through these layers says: they "
                "are updated by the fallback (their weights are used elsewhere too, or a hook changes their gradients)",
                stacklevel=_THE_LOOP)


_THE_LOOP = 6
"""Warnings while stepping point at the loop: below `of_...`, `_take_step`, `step` and two wrappers of torch's."""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(name or "the model itself" for name in names)
