#!/usr/bin/env python3
"""How touchy damping and learning rate are: trains a perceptron with FOP over a grid of both at several batch sizes, the
default damping among them.

Every run is written to one JSON file, those that diverged included. `make sensitivity` calls this, then plot_sensitivity.py.
"""
import argparse
import json
import os
import sys
from pathlib import Path

from compare import processor, system_info, train

DAMPINGS = ["auto", 1e-4, 1e-3, 1e-2, 1e-1, 1.0]
LEARNING_RATES = [0.03, 0.1, 0.3, 1.0]
# Epochs by batch size: large batches need more epochs, though fewer steps, to get anywhere.
BATCHES = {256: 1, 4096: 4, 60000: 20}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fop", default=".build/release/fop", help="the fop command")
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--data", help="folder of the data set")
    parser.add_argument("--optimizer", default="fop", choices=["fop", "kfac"])
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES), help="some of the batch sizes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", default="runs/sensitivity", help="folder of the runs")
    parser.add_argument("--output", default="results/sensitivity.json")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if not os.access(arguments.fop, os.X_OK):
        sys.exit(f"{arguments.fop} is not there: make build")
    report = {
        "command": "make sensitivity", "model": arguments.model, "dataset": arguments.dataset,
        "optimizer": arguments.optimizer, "dampings": DAMPINGS, "learning_rates": LEARNING_RATES,
        "epochs": {str(batch): BATCHES[batch] for batch in arguments.batches}, "seed": 0, "processor": processor(),
        "threads": arguments.threads, "info": system_info(arguments.fop), "runs": [],
    }
    output = Path(arguments.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    for batch in arguments.batches:
        arguments.batch_size, arguments.epochs = batch, BATCHES[batch]
        for damping in DAMPINGS:
            for rate in LEARNING_RATES:
                more = ["--damping", str(damping), "--threads", str(arguments.threads)]
                name = f"{arguments.optimizer}-{batch}-{damping}-{rate:g}"
                run = train(arguments, arguments.optimizer, rate, 0, more, name)
                report["runs"].append({"batch_size": batch, "damping": damping, **run})
                output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
