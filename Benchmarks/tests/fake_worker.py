#!/usr/bin/env python3
"""Stands for BenchmarkWorker and, called `python`, for the environment with PyTorch: reports made-up times at once.

What is asked for is appended to $FAKE_LOG; $FAKE_LOSS is what PyTorch's SGD reports, $FAKE_FAILURE who fails.
"""
import json
import os
import sys
from pathlib import Path

TIMES = {"sgd": (10.0, 10.0), "fop-2": (11.0, 30.0), "asdl-empirical": (20.0, 120.0)}


def option(words, name):
    return words[words.index(name) + 1]


def report(words, loss):
    """A worker's words become its report."""
    with open(os.environ["FAKE_LOG"], "a") as log:
        log.write(" ".join(words) + "\n")
    if words[0] == "calls":
        return {"microseconds": [1.0, 1.0], "threads": 1, "libtorch": "0"}
    contender, interval = option(words, "--contender"), int(option(words, "--interval"))
    if contender == os.environ.get("FAKE_FAILURE"):
        raise RuntimeError("it does not work here")
    plain, curvature = TIMES.get(contender, (12.0, 24.0))
    warm_up, steps = int(option(words, "--warm-up")), int(option(words, "--steps"))
    due = [contender != "sgd" and step % interval == 0 for step in range(warm_up, warm_up + steps)]
    return {
        "milliseconds": [curvature if is_due else plain for is_due in due], "curvature": due,
        "losses": [loss] * (warm_up + steps), "start_memory_bytes": 10**8, "peak_memory_bytes": 3 * 10**8, "threads": 1,
        "libtorch": "0",
    }


def serve():
    print(json.dumps({"ready": 1}), flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps({"pid": os.getpid()}), flush=True)
        output, errors, code = "", "", 0
        try:
            output = json.dumps(report(job["arguments"], float(os.environ.get("FAKE_LOSS", "2.5"))))
        except RuntimeError as error:
            errors, code = f"Traceback\nRuntimeError: {error}\n", 1
        Path(job["output"]).write_text(output)
        Path(job["errors"]).write_text(errors)
        print(json.dumps({"code": code}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "-c":
        print("{}")
    elif sys.argv[1].endswith("server.py"):
        serve()
    elif not sys.argv[1].endswith("write_inputs.py"):
        print(json.dumps(report(sys.argv[1:], 2.5)))
