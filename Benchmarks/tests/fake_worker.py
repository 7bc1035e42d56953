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


def options(words, name):
    """All that follows an option up to the next one."""
    place = words.index(name) + 1
    end = next((other for other in range(place, len(words)) if words[other].startswith("--")), len(words))
    return words[place:end]


def difference(error):
    return {"error": error, "cosine": 1 - error}


def sample_report(name, error):
    """A convolution with factors and a normalisation without."""
    both = {"preconditioned": difference(2 * error), "step": difference(3 * error)}
    return {"sample": name, **both, "layers": [
        {"name": "convolution", "kind": "convolution", "input": error, "output": 4 * error, **both},
        {"name": "norm", "kind": "normalisation", **both}]}


def samples_report(words):
    """Errors of 1 / examples, times the seed."""
    seed = int(option(words, "--seed"))
    numbers = [name for name in options(words, "--samples") if name.isdecimal()]
    return {"seed": seed, "threads": 1, "libtorch": "0", "cells": [
        {"training_steps": steps, "batch": int(batch), "loss": 2.5,
         "samples": [sample_report(name, seed / int(name)) for name in numbers if int(name) < int(batch)]
         + [sample_report("another", 0.25 * seed)]}
        for steps in (0, int(option(words, "--training-steps"))) for batch in options(words, "--batches")]}


def times_report(words):
    names = options(words, "--samples")
    return {"threads": 1, "libtorch": "0", "cells": [
        {"batch": int(batch), "milliseconds": {name: [1.0, 9.0, 2.0] for name in names}}
        for batch in options(words, "--batches")]}


def report(words, loss):
    """A worker's words become its report."""
    with open(os.environ["FAKE_LOG"], "a") as log:
        log.write(" ".join(words) + "\n")
    if words[0] == "calls":
        return {"microseconds": [1.0, 1.0], "threads": 1, "libtorch": "0"}
    if words[0] in ("samples", "factor-times"):
        if option(words, "--model") == os.environ.get("FAKE_FAILURE"):
            raise RuntimeError("it does not work here")
        return samples_report(words) if words[0] == "samples" else times_report(words)
    if os.environ.get("FAKE_FAILURE") in words and ("--pace" in words or words[0] == "turns"):
        sys.exit("it does not work here")
    if words[0] == "turns":
        names = words[words.index("--contenders") + 1:words.index("--turns")]
        return {"turns": {name: [in_turn(name, int(option(words, "--interval")))] * int(option(words, "--turns"))
                          for name in names}}
    contender, interval = option(words, "--contender"), int(option(words, "--interval"))
    if contender == os.environ.get("FAKE_FAILURE"):
        raise RuntimeError("it does not work here")
    plain, curvature = TIMES.get(contender, (12.0, 24.0))
    warm_up, steps = int(option(words, "--warm-up")), int(option(words, "--steps"))
    if "--pace" in words:
        for turn in range(0, steps, int(option(words, "--pace"))):
            if turn and os.environ.get("FAKE_FAILURE") == "second turn":
                sys.exit("it does not work here")
            print("something else\nready", flush=True)
            sys.stdin.readline()
    due = [contender != "sgd" and step % interval == 0 for step in range(warm_up, warm_up + steps)]
    return {
        "milliseconds": [curvature if is_due else plain for is_due in due], "curvature": due,
        "losses": [loss] * (warm_up + steps), "start_memory_bytes": 10**8, "peak_memory_bytes": 3 * 10**8, "threads": 1,
        "libtorch": "0",
    }


def in_turn(contender, interval):
    """An interval whose step with curvature takes 10 ms more than in a process of its own."""
    plain, curvature = TIMES.get(contender, (12.0, 24.0))
    due = [contender != "sgd" and step == 0 for step in range(interval)]
    return {"milliseconds": [curvature + 10 if is_due else plain for is_due in due], "curvature": due}


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
        print(json.dumps(report(sys.argv[2:] if sys.argv[1].endswith(".py") else sys.argv[1:], 2.5)))
