"""FSDP and tensor parallelism: refused in one sentence, whenever the model was sharded."""

import warnings

import pytest
import torch
import torch.nn.functional as functional
from companions import together
from parts import part
from same import Network

import fop

REFUSAL = "fop needs whole layers in every process.*FSDP and tensor parallelism are not supported"


def shard(kind, model):
    mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (torch.distributed.get_world_size(),))
    if kind == "fully_shard":
        from torch.distributed.fsdp import fully_shard
        return fully_shard(model, mesh=mesh)
    if kind == "DTensor":
        from torch.distributed.tensor import Shard, distribute_module, distribute_tensor

        def split(name, module, mesh):
            for key, parameter in list(module.named_parameters(recurse=False)):
                module.register_parameter(key, torch.nn.Parameter(distribute_tensor(parameter, mesh, [Shard(0)])))
        return distribute_module(model, mesh, split)
    from torch.distributed.fsdp import FullyShardedDataParallel
    return FullyShardedDataParallel(
        model, use_orig_params=kind == "FSDP with its own parameters", device_id=torch.device("cpu"))


def made_of_a_sharded_model(rank, size, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = shard(kind, Network())
    with pytest.raises(TypeError, match=REFUSAL):
        fop.FOP(model, lr=0.1)
    return str(rank)


@pytest.mark.parametrize("kind", ["fully_shard", "DTensor", "FSDP", "FSDP with its own parameters"])
def test_a_sharded_model(kind):
    assert together(2, made_of_a_sharded_model, kind=kind) == ["0", "1"]


def sharded_afterwards(rank, size, kind):
    model = Network()
    optimizer = fop.FOP(model, lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sharded = shard(kind, model)
        x, labels = part(0, rank, size)
        functional.cross_entropy(sharded(x), labels).backward()
        with pytest.raises(TypeError, match=REFUSAL):
            optimizer.step()
    return str(rank)


@pytest.mark.parametrize("kind", ["fully_shard", "FSDP", "FSDP with its own parameters"])
def test_sharded_after_the_optimizer_was_made(kind):
    assert together(2, sharded_afterwards, kind=kind) == ["0", "1"]
