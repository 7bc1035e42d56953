"""Distributed FOP under the stock DistributedDataParallel: even ranks are one half of the batch, odd ranks the other.

    torchrun --nproc-per-node 2 ddp.py

Nothing but the optimizer's line differs from a loop with SGD.
"""
import argparse
import os

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import fop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lr", type=float, default=0.1,
                        help="the step size; try 0.3 to 3 times that of SGD (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=256,
                        help="examples per process and step (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=40, help="steps to take (default: %(default)s)")
    args = parser.parse_args()

    use_cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if use_cuda else torch.device("cpu")
    if use_cuda:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if use_cuda else "gloo")
    rank = dist.get_rank()

    torch.manual_seed(0)  # the same network and the same task in every process
    network = nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.LayerNorm(64), nn.Linear(64, 10)).to(device)
    teacher = torch.randn(32, 10, device=device)
    model = DistributedDataParallel(network)
    optimizer = fop.FOP(model, lr=args.lr)  # instead of torch.optim.SGD

    generator = torch.Generator().manual_seed(1 + rank)  # examples of its own in each process
    for step in range(args.steps):
        examples = torch.randn(args.batch_size, 32, generator=generator).to(device)
        loss = nn.functional.cross_entropy(model(examples), (examples @ teacher).argmax(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if rank == 0 and (step + 1) % max(1, args.steps // 10) == 0:
            print(f"step {step + 1}/{args.steps}  loss {loss.item():.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
