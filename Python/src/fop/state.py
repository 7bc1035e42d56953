"""What a saved state looks like, and how it is read back.

`format_version`, a number. `layout`: each parameter's shape and treatment by its qualified name. `state`: its buffers.
`param_groups`: the settings of each, with its parameters' names. `curvature`: the engine's averages, inverses and
counters. `keys`: of all tensors, so that none can go missing. Tensors, numbers, strings, lists and dictionaries only,
so that `torch.load(weights_only=True)` reads it; names without what torch.compile and DistributedDataParallel put in
front.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from . import layout
from ._version import __version__
from .layers import Layer
from .names import layer_of
from .update import BUFFERS, new_buffer

NUMBERS = ("counters", "damping")
"""The engine's entries that belong to no layer: they stay on the CPU."""

TURN = "turn"
"""Of a layer, in states of runs that stagger the curvature alone."""

FORMAT_VERSION = 2
"""States of version 1 say no version and have no layout: not all that are of another model are noticed."""


def save(groups: Iterable[dict[str, Any]], state: Mapping[nn.Parameter, dict[str, Any]],
         names: Mapping[nn.Parameter, str], treatments: Mapping[nn.Parameter, str], curvature: dict[str, Tensor],
         skipped: int) -> dict[str, Any]:
    """The saved form."""
    saved = {
        "format_version": FORMAT_VERSION,
        layout.KEY: layout.layout_of(names, treatments),
        "state": {names[parameter]: dict(buffers) for parameter, buffers in state.items()},
        "param_groups": [
            {**{key: value for key, value in group.items() if key != "params"},
             "params": [names[parameter] for parameter in group["params"]]} for group in groups],
        "curvature": curvature,
        "skipped_steps": skipped,
    }
    saved["keys"] = list(_keys(saved))
    return saved


@dataclass(frozen=True)
class Loaded:
    """A saved state that fits, ready to be put into place."""

    groups: list[dict[str, Any]]
    """The settings of each."""
    buffers: dict[nn.Parameter, dict[str, Tensor]]
    curvature: dict[str, Tensor]
    skipped: int


def read(saved: Any, groups: list[dict[str, Any]], names: Mapping[nn.Parameter, str],
         treatments: Mapping[nn.Parameter, str], layers: list[Layer], shapes: Mapping[str, tuple[int, ...]],
         include_factors: bool) -> Loaded:
    """Reads a saved state, and changes nothing.

    Args:
        shapes: of the engine's entries, by key.
        include_factors: whether averages and inverses are taken from it.

    Raises:
        ValueError: names the first thing that does not fit.
    """
    _check_form(saved)
    curvature = saved["curvature"]
    own = layout.layout_of(names, treatments)
    layer_names = {layer.name for layer in layers}
    if not include_factors:
        curvature = {key: tensor for key, tensor in curvature.items() if "." not in key}
    has_factors = any("." in key for key in curvature)
    if layout.KEY in saved:
        layout.check_parameters(saved[layout.KEY], own)
        layout.check_treatments(saved[layout.KEY], own, has_factors)
    settings = _read_groups(saved["param_groups"], groups, names)
    buffers = _read_buffers(saved["state"], names)
    _check_curvature(curvature, shapes, layer_names)
    return Loaded(settings, buffers, place_curvature(curvature, layers), int(saved.get("skipped_steps", 0)))


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


def _keys(saved: Mapping[str, Any]) -> Iterator[str]:
    for name, buffers in saved["state"].items():
        yield from (f"state.{name}.{key}" for key in buffers)
    yield from (f"curvature.{key}" for key in saved["curvature"])


def _check_form(saved: Any) -> None:
    """Raises ValueError for what is no state of this package, or not all of one."""
    if not isinstance(saved, Mapping):
        raise ValueError(f"load_state_dict takes what state_dict() returned, not {saved!r:.80}: read a file with "
                         "torch.load(PATH, weights_only=True) first")
    for key in ("state", "param_groups", "curvature"):
        if key not in saved:
            raise ValueError(f"this is not a state of fop: it has no '{key}'; give what FOP.state_dict() returned")
    version = saved.get("format_version", 1)
    if version not in range(1, FORMAT_VERSION + 1):
        raise ValueError(f"the saved state is of format version {version!r} and fop {__version__} reads 1 to "
                         f"{FORMAT_VERSION}: pip install --upgrade fop-optimizer")
    if version > 1 and (missing := {layout.KEY, "keys"} - set(saved)):
        raise ValueError(f"the saved state has no '{min(missing)}': it is damaged")
    present = set(_keys(saved))
    for key in saved.get("keys", ()):
        if key not in present:
            raise ValueError(f"the saved state has no '{key}', which it was saved with: it is damaged")


def _read_groups(saved: Iterable[Mapping[str, Any]], groups: list[dict[str, Any]],
                 names: Mapping[nn.Parameter, str]) -> list[dict[str, Any]]:
    saved = list(saved)
    if len(saved) != len(groups):
        raise ValueError(f"the saved state has {len(saved)} parameter groups, this optimizer {len(groups)}: make it "
                         "with the same groups")
    for place, (old, new) in enumerate(zip(saved, groups)):
        own = [names[parameter] for parameter in new["params"]]
        for name in own:
            if name not in old["params"]:
                raise ValueError(f"parameter group {place} of the saved state has no '{name}', which is in it here")
        for name in old["params"]:
            if name not in own:
                raise ValueError(f"parameter group {place} of the saved state has '{name}', which is not in it here")
        for key in ("lr", "momentum", "weight_decay", "fallback_scale"):
            if key not in old:
                raise ValueError(f"parameter group {place} of the saved state has no '{key}': it is damaged")
    return [{key: copy.deepcopy(value) for key, value in group.items() if key != "params"} for group in saved]


def _read_buffers(saved: Mapping[str, Mapping[str, Tensor]],
                  names: Mapping[nn.Parameter, str]) -> dict[nn.Parameter, dict[str, Tensor]]:
    """The buffers of each parameter, on its device and in its type and layout."""
    layout.check_names(saved, names.values())
    loaded: dict[nn.Parameter, dict[str, Tensor]] = {}
    for parameter, name in names.items():
        for key, tensor in saved.get(name, {}).items():
            if key not in BUFFERS:
                raise ValueError(f"the saved state has '{key}' of '{name}', and fop keeps {', '.join(BUFFERS)} only")
            buffer = new_buffer(parameter, key)
            _check_shape(f"'{key}' of '{name}'", tensor, buffer.shape)
            loaded.setdefault(parameter, {})[key] = buffer.copy_(tensor)
    return loaded


def _check_curvature(saved: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], layers: set[str]) -> None:
    """Of a layer all is there or nothing: nothing may have passed through it."""
    for key, tensor in saved.items():
        if key not in shapes:
            shape = tuple(tensor.shape) if isinstance(tensor, Tensor) else None
            raise ValueError(f"the saved state has '{key}' of shape {shape}, which there is no place for: use the "
                             "options that it was saved with, or load_state_dict(..., include_factors=False)")
        _check_shape(f"'{key}'", tensor, shapes[key])
    begun = {layer_of(key, layers) for key in saved if not _is_turn(key)} - {None}
    for key, shape in shapes.items():
        if key not in saved and (key in NUMBERS or layer_of(key, layers) in begun and not _is_turn(key)):
            raise ValueError(f"the saved state has no '{key}' of shape {shape}: it is damaged")
    counters, damping = saved["counters"], float(saved["damping"])
    if counters.is_floating_point() or (counters < -1).any() or counters[0] < 0:
        raise ValueError(f"the saved state's 'counters' are {counters.tolist()}: whole numbers of -1 or more expected")
    # -1 is the one that goes by the batch.
    if not -1 <= damping < float("inf"):
        raise ValueError(f"the saved state's 'damping' is {damping}: a finite number of 0 or more expected")


def _is_turn(key: str) -> bool:
    return key.endswith(f".{TURN}")


def _check_shape(what: str, tensor: Any, shape: Iterable[int]) -> None:
    if not isinstance(tensor, Tensor):
        raise ValueError(f"the saved {what} is {tensor!r:.80}: a tensor expected")
    if tuple(tensor.shape) != tuple(shape):
        raise ValueError(f"the saved {what} has shape {tuple(tensor.shape)} where {tuple(shape)} is expected: "
                         f"{layout.ADVICE}")
