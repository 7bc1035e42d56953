"""Names of layers and parameters that stay the same whatever a model is wrapped in."""

from collections.abc import Collection

WRAPPERS = ("_orig_mod", "_checkpoint_wrapped_module")


def clean_name(path: str) -> str:
    """The qualified name without what torch.compile, DistributedDataParallel and activation checkpointing add."""
    parts = [part for part in path.split(".") if part not in WRAPPERS]
    if parts and parts[0] == "module":
        parts = parts[1:]
    return ".".join(parts)


def layer_of(key: str, layers: Collection[str]) -> str | None:
    """The layer that an entry of the curvature belongs to: `<layer>.input_factor`, or, of a factor that is split,
    `<layer>.input_factor.0`. None for what belongs to all layers, such as `counters`."""
    if "." not in key:
        return None
    name = key.rpartition(".")[0]
    return name if name in layers else next((part for part in [name.rpartition(".")[0]] if part in layers), None)
