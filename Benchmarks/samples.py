#!/usr/bin/env python3
"""Measures what it does to the factors and to the step that factors are formed from a sample of a batch; writes
results/samples.json and the tables of Documentation/performance.md. `make bench-samples` calls this.
"""
import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from driver import documents, machine, results, sample_tables  # noqa: E402
from driver.failure import BenchmarkError  # noqa: E402
from driver.setup import (  # noqa: E402
    ROOT, add_tool_options, exit_status, find_tools, positive, repeating_command, say)

CELLS = [("resnet", 2048), ("vit", 1024), ("resnet", 8192), ("resnet", 512)]
"""Models and batches, in the order in which they are measured."""
TIMED_BATCHES = {"resnet": [512, 2048, 8192], "vit": [1024]}
SAMPLES = ["32", "64", "128", "256", "512", "1024", "2048", "rows:8", "rows:16", "rows:32", "all"]
"""Numbers of examples, the automatic rule with other numbers of rows per dimension, all of them."""
TRAINING_BATCH = {"resnet": 512, "vit": 128}


def worker(options: argparse.Namespace, command: str, model: str, batches: list[int], *words: str) -> dict:
    """What a worker reports."""
    line = [str(options.worker), command, "--model", model, "--batches", *map(str, batches), "--samples", *SAMPLES,
            "--threads", str(options.threads), *words]
    if options.data:
        line += ["--data", str(options.data)]
    done = subprocess.run(line, env=machine.worker_environment(options.threads), text=True, capture_output=True)
    if done.returncode != 0:
        raise BenchmarkError(f"{command} of {model}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure_errors(options: argparse.Namespace, model: str, batch: int) -> list[dict]:
    """A cell per state of the network, with a list over the seeds of everything that was found."""
    start = time.monotonic()
    reports = []
    for seed in options.seeds:
        reports.append(worker(
            options, "samples", model, [batch], "--seed", str(seed), "--training-steps", str(options.training_steps),
            "--training-batch", str(TRAINING_BATCH[model])))
        say(f"  {model}, batch {batch:,}: seed {len(reports)} of {len(options.seeds)}, {time.monotonic() - start:.0f} s")
    return [combined(model, found) for found in zip(*(report["cells"] for report in reports))]


def combined(model: str, found: tuple[dict, ...]) -> dict:
    """What the seeds found in the same cell, as lists over the seeds."""
    first = found[0]
    cell = {"model": model, "batch": first["batch"], "training_steps": first["training_steps"],
            "losses": [rounded(one["loss"]) for one in found], "samples": {}}
    for place, sample in enumerate(first["samples"]):
        ours = [one["samples"][place] for one in found]
        cell["samples"][sample["sample"]] = {
            **differences(ours),
            "layers": {
                layer["name"]: {"kind": layer["kind"]} | {
                    side: [rounded(one["layers"][index][side]) for one in ours]
                    for side in ("input", "output") if side in layer} | differences(
                        [one["layers"][index] for one in ours])
                for index, layer in enumerate(sample["layers"])}}
    return cell


def differences(reports: list[dict]) -> dict[str, dict[str, list[float]]]:
    return {what: {key: [rounded(report[what][key]) for report in reports] for key in ("error", "cosine")}
            for what in ("preconditioned", "step")}


def rounded(value: float) -> float:
    return float(f"{value:.5g}")


def measure_times(options: argparse.Namespace) -> tuple[list[dict], str]:
    """A cell per model and batch, and LibTorch's version."""
    found = []
    for model, batches in TIMED_BATCHES.items():
        report = worker(options, "factor-times", model, batches)
        for cell in report["cells"]:
            found.append({"model": model, "batch": cell["batch"], "milliseconds": {
                name: [round(value, 3) for value in cell["milliseconds"][name]]
                for name in SAMPLES if name in cell["milliseconds"]}})
        say(f"  {model}: factors timed")
    return found, report["libtorch"]


def write(options: argparse.Namespace, found: dict) -> None:
    results.save(found, options.output)
    documents.put(options.document, "samples", sample_tables.tables(found))


def run(options: argparse.Namespace) -> None:
    start, started = time.monotonic(), time.strftime("%Y-%m-%d %H:%M:%S")
    tools = find_tools(options, options.cache.absolute() / "benchmark")
    times, libtorch = measure_times(options)
    if options.only_times:
        write(options, results.load(options.output) | {"times": times, "times_from": started})
    else:
        described = machine.describe(tools)
        found = {
            "format": results.FORMAT, "command": repeating_command("bench-samples"), "started": started,
            "versions": described["versions"] | {"libtorch": libtorch}, "machine": described["machine"],
            "settings": {"threads": options.threads, "seeds": options.seeds, "training_steps": options.training_steps,
                         "training_batch": TRAINING_BATCH},
            "times": times, "times_from": started, "cells": []}
        for model, batch in CELLS:
            found["cells"] += measure_errors(options, model, batch)
            found["minutes"] = round((time.monotonic() - start) / 60, 1)
            write(options, found)
    say(f"Written to {options.output} and {options.document}.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_options(parser)
    parser.add_argument("--data", type=Path, help="folder with Fashion-MNIST's files; by default where fop looks")
    parser.add_argument("--seeds", type=positive, nargs="+", default=[1, 2, 3, 4, 5],
                        help="what weights and batches are drawn from")
    parser.add_argument("--training-steps", type=positive, default=50,
                        help="FOP's steps after which everything is looked at again")
    parser.add_argument("--only-times", action="store_true",
                        help="time the factors anew and keep the errors of the result file")
    parser.add_argument("--output", type=Path, default=ROOT / "results" / "samples.json")
    parser.add_argument("--document", type=Path, default=ROOT / "Documentation" / "performance.md")
    options = parser.parse_args()
    return exit_status("bench-samples", lambda: run(options), "what was complete is in the result file.")


if __name__ == "__main__":
    sys.exit(main())
