"""Names of layers and parameters that stay the same whatever a model is wrapped in."""

WRAPPERS = ("_orig_mod", "_checkpoint_wrapped_module")


def clean_name(path: str) -> str:
    """The qualified name without what torch.compile, DistributedDataParallel and activation checkpointing add."""
    parts = [part for part in path.split(".") if part not in WRAPPERS]
    if parts and parts[0] == "module":
        parts = parts[1:]
    return ".".join(parts)
