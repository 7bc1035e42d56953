#!/usr/bin/env python3
"""Imports PyTorch once and forks a process for every worker: starting one takes milliseconds instead of seconds.

Says `{"ready": 1}`, then reads jobs as lines of JSON, `{"arguments": [...], "path": [...], "output": FILE, "errors":
FILE}`. Runs worker.py with them in a child, and answers `{"pid": N}` when it starts and `{"code": N}` when it ends. Nothing is
computed before the fork, so that a child has threads, memory and state of its own.
"""
import json
import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

import torch  # noqa: E402, F401
import torch._dynamo  # noqa: E402, F401  what optimizers import at their first step
from safetensors.torch import load_file  # noqa: E402, F401

from peers import networks, worker  # noqa: E402, F401


def main() -> None:
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        sys.exit(f"{threads} threads run before the first fork: children would wait for what they hold")
    answer(ready=1)
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os._exit(run(job))
        answer(pid=pid)
        _, status = os.waitpid(pid, 0)
        answer(code=os.waitstatus_to_exitcode(status))


def answer(**what: int) -> None:
    print(json.dumps(what), flush=True)


def run(job: dict) -> int:
    """The child."""
    for name, descriptor in (("output", 1), ("errors", 2)):
        file = os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, descriptor)
    Path("/proc/self/oom_score_adj").write_text("1000")
    sys.path[:0] = job["path"]
    try:
        code = worker.main(job["arguments"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    return code or 0


if __name__ == "__main__":
    main()
