#!/usr/bin/env python3
"""One contender of the benchmark in a process of its own. Prints one line of JSON; server.py starts it."""
import argparse
import json
import math
import sys
import time
import traceback
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))


def parse_arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (("steps", "time training steps of one contender on one batch"),
                       ("operators", "look where the time of these steps goes, by kind of operator")):
        add_step_arguments(commands.add_parser(name, help=what))
    calls = commands.add_parser("calls", help="time products of two 2 x 2 matrices while autograd records")
    calls.add_argument("--repetitions", type=int, default=20)
    calls.add_argument("--calls", type=int, default=10_000)
    return parser.parse_args(words)


def add_step_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--contender", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--inputs", required=True, help="safetensors with the batch: images and labels")
    parser.add_argument("--weights", required=True, help="safetensors with the initial weights")
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--interval", type=int, default=10)
    parser.add_argument("--slice", type=int, default=0)
    parser.add_argument("--learning-rate", type=float, default=0.01, help="SGD's; its losses are compared")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pace", type=int, default=0, help="steps to take at a time, after each of which it says "
                        "'ready' and waits for a line; 0 to take all")
    parser.add_argument("--tuned", action="store_true", help="our allocator settings, channels last, fused updates")
    parser.add_argument("--kfac-source", help="folder of kfac-pytorch's source")


def prepare(options: argparse.Namespace):
    """The contender and its batch."""
    if options.tuned:
        from peers.allocator import keep_freed_memory
        keep_freed_memory()
    import torch
    from safetensors.torch import load_file

    from peers.contenders import CONTENDERS
    from peers.networks import NETWORKS
    from peers.training_batch import TrainingBatch

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    channels_last = options.tuned and options.model != "vit"
    model = NETWORKS[options.model]()
    model.load_state_dict(load_file(options.weights))
    if channels_last:
        model.to(memory_format=torch.channels_last)
    batch = TrainingBatch(options.inputs, channels_last, options.slice)
    options.batch = batch.count
    return CONTENDERS[options.contender](model, options.interval, options), batch


def run_steps(options: argparse.Namespace) -> dict:
    contender, batch = prepare(options)
    import torch

    from peers import memory

    start_memory = memory.resident()
    times, curvature, losses = [], [], []
    for index in range(options.warm_up + options.steps):
        if options.pace and index >= options.warm_up and (index - options.warm_up) % options.pace == 0:
            wait_for_turn()
        start = time.perf_counter()
        losses.append(contender.step(batch))
        elapsed = time.perf_counter() - start
        if index >= options.warm_up:
            times.append(1e3 * elapsed)
            phase = contender.curvature_phase
            curvature.append(phase is not None and (index + phase) % options.interval == 0)
    if not all(map(math.isfinite, losses)):
        raise RuntimeError(f"the loss is no longer finite: {losses}")
    return {
        "milliseconds": times, "curvature": curvature, "losses": losses, "start_memory_bytes": start_memory,
        "peak_memory_bytes": memory.peak(), "threads": torch.get_num_threads(), "libtorch": torch.__version__,
    }


def wait_for_turn() -> None:
    """Two processes that wait for each other see the same of the machine."""
    print("ready", flush=True)
    if not sys.stdin.readline():
        raise RuntimeError("nobody said when to go on")


def run_operators(options: argparse.Namespace) -> dict:
    contender, batch = prepare(options)
    import torch

    from peers.operators import by_kind
    return {"milliseconds": by_kind(lambda: contender.step(batch), options.warm_up, options.steps),
            "threads": torch.get_num_threads(), "libtorch": torch.__version__}


def run_calls(options: argparse.Namespace) -> dict:
    import torch
    torch.set_num_threads(1)
    left = torch.ones(2, 2, requires_grad=True)
    right = torch.ones(2, 2)
    results = []
    for repetition in range(options.repetitions + 1):
        start = time.perf_counter()
        for _ in range(options.calls):
            torch.mm(left, right)
        elapsed = 1e6 * (time.perf_counter() - start) / options.calls
        # The first is a warm-up.
        if repetition > 0:
            results.append(elapsed)
    assert torch.mm(left, right).requires_grad
    return {"microseconds": results, "threads": 1, "libtorch": torch.__version__}


def main(words: list[str]) -> None:
    options = parse_arguments(words)
    try:
        report = {"steps": run_steps, "operators": run_operators, "calls": run_calls}[options.command](options)
    except Exception as error:  # whatever a peer throws is its reason
        traceback.print_exc()
        sys.exit(f"{type(error).__name__}: {' '.join(str(error).split()) or 'no further words'}")
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
