"""Which processes train one model together: those of the DistributedDataParallel that its forward pass goes through."""

import sys
from typing import Any, Literal

import torch
from torch import nn

ProcessGroup = Any
"""`torch.distributed.ProcessGroup`, where torch has it."""
Choice = ProcessGroup | Literal["auto"] | None


def several_processes() -> bool:
    """Whether torch.distributed was initialised with more than one."""
    own = torch.distributed
    return own.is_available() and own.is_initialized() and own.get_world_size() > 1


def group_of_wrapper() -> ProcessGroup | None:
    """The group of the wrapper whose forward pass is under way: whichever object the optimizer was made of."""
    from torch.nn.parallel import DistributedDataParallel
    wrapper = DistributedDataParallel._get_active_ddp_module()
    if wrapper is None:
        return None
    if wrapper._join_config.enable:
        raise RuntimeError("fop does not work within DistributedDataParallel's join(): a process that has run out of "
                           "data would keep the others waiting; give every process as many batches")
    return wrapper.process_group


def check_process_group(choice: Any) -> None:
    """Raises unless it is a group of processes, "auto" or None."""
    own = torch.distributed
    if choice is None or choice == "auto" or (own.is_available() and isinstance(choice, own.ProcessGroup)):
        return
    # Which new_group returns to processes that are not in it.
    if own.is_available() and choice is own.GroupMember.NON_GROUP_MEMBER:
        raise ValueError("process_group is a group that this process is not in: pass one that it is in, or None")
    raise ValueError(f"process_group is {choice!r}: use 'auto', None, or a group of torch.distributed, such as "
                     "torch.distributed.group.WORLD")


def identity(group: ProcessGroup) -> tuple[str, int, int]:
    """The group's name, this process's rank in it, and how many processes it has."""
    return group.group_name, torch.distributed.get_rank(group), torch.distributed.get_world_size(group)


def check_whole(model: nn.Module) -> None:
    """Raises where a process holds no more than a part of a parameter."""
    tensors = sys.modules.get("torch.distributed.tensor")
    if tensors is not None:
        for name, parameter in model.named_parameters():
            if isinstance(parameter, tensors.DTensor):
                raise TypeError(_REFUSAL.format(f"'{name}' is a DTensor"))
    for name, module in model.named_modules():
        # FullyShardedDataParallel's own mark on all modules inside of it.
        if getattr(module, "_is_fsdp_managed_module", False):
            raise TypeError(_REFUSAL.format(f"'{name or type(model).__name__}' is in a FullyShardedDataParallel"))


_REFUSAL = ("fop needs whole layers in every process, and {}: FSDP and tensor parallelism are not supported, "
            "DistributedDataParallel is")
