"""What a saved state looks like, and how it comes back.

`state`: each parameter's buffers by its qualified name. `param_groups`: the settings of each, with its parameters'
names. `curvature`: the engine's averages, inverses and counters. Tensors, numbers, strings, lists and dictionaries
only, so that `torch.load(weights_only=True)` reads it; names without what torch.compile and DistributedDataParallel put
in front.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .layers import Layer
from .names import layer_of
from .update import new_buffer

NUMBERS = ("counters", "damping")
"""The engine's entries that belong to no layer: they stay on the CPU."""


def save(groups: Iterable[dict[str, Any]], state: Mapping[nn.Parameter, dict[str, Any]],
         names: Mapping[nn.Parameter, str], curvature: dict[str, Tensor], skipped: int) -> dict[str, Any]:
    """The saved form."""
    return {
        "state": {names[parameter]: dict(buffers) for parameter, buffers in state.items()},
        "param_groups": [
            {**{key: value for key, value in group.items() if key != "params"},
             "params": [names[parameter] for parameter in group["params"]]} for group in groups],
        "curvature": curvature,
        "skipped_steps": skipped,
    }


def check_groups(saved: Mapping[str, Any], groups: list[dict[str, Any]], names: Mapping[nn.Parameter, str]) -> None:
    """Raises ValueError where a saved state is not one of these groups."""
    for key in ("state", "param_groups", "curvature"):
        if key not in saved:
            raise ValueError(f"this is not a state of fop: it has no '{key}'")
    if len(saved["param_groups"]) != len(groups):
        raise ValueError(f"the saved state has {len(saved['param_groups'])} parameter groups, this optimizer "
                         f"{len(groups)}")
    for place, (old, new) in enumerate(zip(saved["param_groups"], groups)):
        differing = set(old["params"]) ^ {names[parameter] for parameter in new["params"]}
        if differing:
            raise ValueError(f"parameter group {place} of the saved state has other parameters: '{min(differing)}' is "
                             "in one and not in the other")


def load_buffers(saved: Mapping[str, Mapping[str, Tensor]],
                 names: Mapping[nn.Parameter, str]) -> dict[nn.Parameter, dict[str, Tensor]]:
    """The buffers of each parameter, on its device and in its type and layout."""
    loaded: dict[nn.Parameter, dict[str, Tensor]] = {}
    for parameter, name in names.items():
        for key, tensor in saved.get(name, {}).items():
            buffer = new_buffer(parameter, key)
            if buffer.shape != tensor.shape:
                raise ValueError(f"the saved '{key}' of '{name}' has shape {tuple(tensor.shape)} where "
                                 f"{tuple(buffer.shape)} is expected")
            loaded.setdefault(parameter, {})[key] = buffer.copy_(tensor)
    return loaded


def place_curvature(saved: Mapping[str, Tensor], layers: Iterable[Layer]) -> dict[str, Tensor]:
    """The engine's entries, each on its layer's device and in its factors' type."""
    homes = {layer.name: layer.parameters[0] for layer in layers}
    placed = {}
    for key, tensor in saved.items():
        home = homes.get(layer_of(key, homes))
        if key in NUMBERS or home is None:
            placed[key] = tensor.cpu()
        else:
            kind = torch.float64 if home.dtype == torch.float64 else torch.float32
            placed[key] = tensor.to(home.device, kind)
    return placed
