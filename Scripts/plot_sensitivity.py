#!/usr/bin/env python3
"""Draws what sensitivity.py measured: test accuracy over damping and learning rate, a panel per batch size. Needs matplotlib."""
import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def accuracy(report, batch, damping, rate):
    """In per cent; nan for a run that diverged."""
    for run in report["runs"]:
        if (run["batch_size"], run["damping"], run["learning_rate"]) == (batch, damping, rate):
            return 100 * run["epochs"][-1]["test_accuracy"] if run["exit_code"] == 0 and run["epochs"] else float("nan")
    return float("nan")


def draw(report, path):
    batches = [int(batch) for batch in report["epochs"]]
    dampings, rates = report["dampings"], report["learning_rates"]
    figure, panels = plt.subplots(1, len(batches), figsize=(3.6 * len(batches), 4), sharey=True, squeeze=False)
    for axes, batch in zip(panels[0], batches):
        grid = [[accuracy(report, batch, damping, rate) for rate in rates] for damping in dampings]
        best = max(value for row in grid for value in row if value == value)
        # The same colours everywhere: how far below the panel's best.
        axes.imshow([[value - best for value in row] for row in grid], cmap="viridis", vmin=-15, vmax=0, aspect="auto")
        for row, values in enumerate(grid):
            for column, value in enumerate(values):
                text = "diverged" if value != value else f"{value:.1f}"
                colour = "black" if value == value and value > best - 5 else "white"
                axes.text(column, row, text, ha="center", va="center", color=colour if value == value else "black", fontsize=9)
        epochs = report["epochs"][str(batch)]
        axes.set_title(f"batch {batch:,}, {epochs} epoch{'' if epochs == 1 else 's'}")
        axes.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
        axes.set_xlabel("learning rate")
    panels[0][0].set_yticks(range(len(dampings)), [f"{damping}" if damping == "auto" else f"{damping:g}" for damping in dampings])
    panels[0][0].set_ylabel("damping")
    figure.suptitle(f"{report['optimizer']}, {report['model']} on {report['dataset']}: test accuracy, %")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--figure", type=Path, required=True)
    arguments = parser.parse_args()
    draw(json.loads(arguments.results.read_text()), arguments.figure)


if __name__ == "__main__":
    main()
