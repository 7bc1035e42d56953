"""Processes that run one function together, over Gloo, and are killed when they take too long."""

import io
import multiprocessing
import os
import queue
import tempfile
import time
import traceback
from datetime import timedelta
from pathlib import Path

import torch

LIMIT = 120
"""Seconds."""


def together(size, function, **options):
    """Returns what `function(rank, size, **options)` returns in each of `size` processes, by rank.

    Raises:
        AssertionError: one of them failed, with its traceback, or they took more than LIMIT seconds.
    """
    context = multiprocessing.get_context("forkserver")
    # Imported once, by the server that the processes are forked from.
    context.set_forkserver_preload(["torch", "torch.distributed", "torch.nn.parallel", "torch._dynamo", "fop"])
    answers = context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        processes = [context.Process(target=_run, args=(rank, size, function, options, Path(folder) / "store", answers))
                     for rank in range(size)]
        for process in processes:
            process.start()
        try:
            return _collect(answers, size, time.monotonic() + LIMIT)
        finally:
            for process in processes:
                process.join(5)
                process.kill()
                process.join()


def _collect(answers, size, deadline):
    results = {}
    while len(results) < size:
        try:
            rank, content, failure = answers.get(timeout=max(0.1, deadline - time.monotonic()))
        except queue.Empty:
            raise AssertionError(f"{size} processes hang: of them only {sorted(results)} came back") from None
        # The others may be waiting for one that failed: they are killed.
        assert failure is None, f"rank {rank}: {failure}"
        results[rank] = torch.load(io.BytesIO(content), weights_only=False)
    return [results[rank] for rank in range(size)]


def _run(rank, size, function, options, store, answers):
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    try:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{store}", rank=rank, world_size=size, timeout=timedelta(seconds=60))
        content = io.BytesIO()
        torch.save(function(rank, size, **options), content)
        answers.put((rank, content.getvalue(), None))
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    except BaseException:
        answers.put((rank, None, traceback.format_exc()))
