"""Joining the processes that train one model together."""

import torch
from torch import nn

from .distributed import (
    Choice, ProcessGroup, check_process_group, check_whole, group_of_wrapper, identity, several_processes)
from .engine import Engine


class Processes:
    """Those that the engine takes its steps with: none until they are found in a forward pass."""

    def __init__(self, choice: Choice, engine: Engine, loss_reduction: str):
        check_process_group(choice)
        self._choice = choice
        self._engine = engine
        self._loss_reduction = loss_reduction
        self.are_joined = False
        """Whether the group is known and the engine part of it."""

    def find(self) -> None:
        """During a forward pass, until the group is found."""
        if self.are_joined or self._choice is None or not several_processes():
            return
        group = group_of_wrapper() if self._choice == "auto" else self._choice
        if group is not None:
            self._join(group)

    def _join(self, group: ProcessGroup) -> None:
        name, rank, size = identity(group)
        if size > 1:
            if self._loss_reduction == "sum":
                raise ValueError("loss_reduction is 'sum' and the gradients are averaged over several processes: use a "
                                 "loss that is the mean, and 'mean'")
            self._engine.join(name, rank, size)
        self.are_joined = True

    def check(self, model: nn.Module | None, has_gradients: bool) -> None:
        """Raises where several processes would each go their own way, or have no more than parts of the model.

        `has_gradients`: whether there is anything of layers with blocks to take a step along.
        """
        if self.are_joined or not several_processes():
            return
        if model is not None:
            # It may have been sharded since the optimizer was made.
            check_whole(model)
        if self._choice == "auto" and has_gradients:
            raise RuntimeError(
                f"torch.distributed has {torch.distributed.get_world_size()} processes and the model's forward pass "
                "did not go through DistributedDataParallel: wrap the model in it and call the wrapper; or pass "
                "process_group=None if each process trains a model of its own, or "
                "process_group=torch.distributed.group.WORLD if the loop averages the gradients itself")
