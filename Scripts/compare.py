#!/usr/bin/env python3
"""Trains one network with several optimizers and writes what happened to one JSON file.

Every optimizer gets the same learning-rate grid size on the first seed; its best learning rate is then run with the other seeds.
Nothing is dropped: every run is in the file. `make compare` calls this, then plot_comparison.py.
"""
import argparse
import csv
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

GRIDS = {
    "fop": [0.03, 0.1, 0.3, 1.0],
    "kfac": [0.03, 0.1, 0.3, 1.0],
    "sgd": [0.03, 0.1, 0.4, 1.0],
    "adamw": [0.001, 0.003, 0.01, 0.03],
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fop", default=".build/release/fop", help="the fop command")
    parser.add_argument("--model", default="resnet")
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--data", help="folder of the data set")
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--optimizers", nargs="+", default=list(GRIDS), choices=list(GRIDS))
    parser.add_argument("--runs", default="runs/compare", help="folder of the runs")
    parser.add_argument("--output", default="results/fashion-mnist-2048.json")
    return parser.parse_args()


def train(arguments, optimizer, learning_rate, seed, more=(), name=None):
    """One run; its metrics by epoch, its settings and the process's peak memory.

    `more` are further arguments; `name` is that of the run's folder.
    """
    folder = Path(arguments.runs) / (name or f"{optimizer}-{learning_rate}-{seed}")
    command = [
        arguments.fop, "train", "--model", arguments.model, "--dataset", arguments.dataset,
        "--optimizer", optimizer, "--learning-rate", str(learning_rate), "--seed", str(seed),
        "--batch-size", str(arguments.batch_size), "--epochs", str(arguments.epochs), "--output", str(folder), *more,
    ]
    if arguments.data:
        command += ["--data", arguments.data]
    print(" ".join(command), flush=True)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    with open(folder / "metrics.csv", newline="") as file:
        epochs = [{key: number(value) for key, value in row.items()} for row in csv.DictReader(file)]
    if process.returncode != 0:
        print(f"  ended with code {process.returncode}: {errors.strip()}", flush=True)
    elif epochs:
        print(f"  {100 * epochs[-1]['test_accuracy']:.2f} %", flush=True)
    return {
        "optimizer": optimizer, "learning_rate": learning_rate, "seed": seed, "exit_code": process.returncode,
        "peak_memory_bytes": usage.ru_maxrss * 1024, "epochs": epochs,
    }


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def final_accuracy(run):
    return run["epochs"][-1]["test_accuracy"] if run["exit_code"] == 0 and run["epochs"] else -1.0


def main():
    arguments = parse_arguments()
    if not os.access(arguments.fop, os.X_OK):
        sys.exit(f"{arguments.fop} is not there: make build")
    report = {
        "command": " ".join(sys.argv), "model": arguments.model, "dataset": arguments.dataset,
        "batch_size": arguments.batch_size, "epochs": arguments.epochs, "seeds": arguments.seeds,
        "grids": {name: GRIDS[name] for name in arguments.optimizers}, "processor": processor(),
        "cores": os.cpu_count(), "info": system_info(arguments.fop),
        "runs": [],
    }
    output = Path(arguments.output)
    output.parent.mkdir(parents=True, exist_ok=True)

    def run(*what):
        report["runs"].append(train(arguments, *what))
        output.write_text(json.dumps(report, indent=1) + "\n")
        return report["runs"][-1]

    first, *others = arguments.seeds
    for optimizer in arguments.optimizers:
        tried = [run(optimizer, rate, first) for rate in GRIDS[optimizer]]
        best = max(tried, key=final_accuracy)["learning_rate"]
        for seed in others:
            run(optimizer, best, seed)


def system_info(fop):
    """Versions and settings, without the machine's folders."""
    info = json.loads(subprocess.check_output([fop, "info", "--json"]))
    return {key: info[key] for key in ("fop", "libtorch", "threads", "allocator")}


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
