#!/usr/bin/env python3
"""Draws what compare.py measured, and writes its table between the markers of a Markdown file. Needs matplotlib."""
import argparse
import json
import statistics
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

NAMES = {"fop": "FOP", "kfac": "K-FAC", "sgd": "SGD", "adamw": "AdamW"}
COLOURS = {"fop": "#d1495b", "kfac": "#edae49", "sgd": "#30638e", "adamw": "#4c956c"}
BEGIN, END = "<!-- results: written by Scripts/plot_comparison.py -->", "<!-- end of results -->"


def best_runs(report, optimizer):
    """The runs of an optimizer at the learning rate that did best with the first seed."""
    runs = [run for run in report["runs"] if run["optimizer"] == optimizer and run["exit_code"] == 0]
    first = [run for run in runs if run["seed"] == report["seeds"][0]]
    best = max(first, key=lambda run: run["epochs"][-1]["test_accuracy"])["learning_rate"]
    return best, [run for run in runs if run["learning_rate"] == best]


def draw(report, optimizers, path):
    figure, (by_epoch, by_time) = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    for optimizer in optimizers:
        rate, runs = best_runs(report, optimizer)
        for index, run in enumerate(runs):
            accuracy = [100 * epoch["test_accuracy"] for epoch in run["epochs"]]
            label = f"{NAMES[optimizer]} (lr {rate:g})" if index == 0 else None
            style = {"color": COLOURS[optimizer], "alpha": 1 if index == 0 else 0.35, "label": label}
            by_epoch.plot(range(1, len(accuracy) + 1), accuracy, **style)
            by_time.plot([epoch["training_seconds"] for epoch in run["epochs"]], accuracy, **style)
    by_epoch.set_xlabel("epoch")
    by_epoch.set_xticks(range(1, report["epochs"] + 1))
    by_time.set_xlabel("seconds of training")
    by_epoch.set_ylabel("test accuracy, %")
    by_epoch.set_ylim(bottom=60)
    by_epoch.legend(loc="lower right")
    for axes in (by_epoch, by_time):
        axes.grid(alpha=0.3)
    figure.suptitle(
        f"{report['dataset']}, {report['model']}, batch {report['batch_size']}, {len(report['seeds'])} seeds, {report['cores']} cores")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def table(report, optimizers, source):
    """A Markdown table of medians over the seeds."""
    lines = [
        f"A {report['model']} on {report['dataset']}, batch {report['batch_size']}, {report['epochs']} epochs, cosine schedule, "
        f"{report['cores']} cores ({report['processor']}), seeds {', '.join(map(str, report['seeds']))}; each optimizer with the best of "
        f"{len(next(iter(report['grids'].values())))} learning rates on the first seed. "
        f"From [{source}]({source}), written by `make compare`.",
        "",
        "| optimizer | learning rates tried | best | " + " | ".join(f"epoch {n}" for n in range(1, report["epochs"] + 1))
        + " | ms per step | peak memory, MB |",
        "|---|---|---|" + "---|" * (report["epochs"] + 2),
    ]
    for optimizer in optimizers:
        rate, runs = best_runs(report, optimizer)
        accuracy = [
            statistics.median(100 * run["epochs"][n]["test_accuracy"] for run in runs) for n in range(report["epochs"])
        ]
        step = statistics.median(milliseconds_per_step(report, run) for run in runs)
        memory = statistics.median(run["peak_memory_bytes"] for run in runs) / 1e6
        lines.append(
            f"| {NAMES[optimizer]} | {', '.join(f'{x:g}' for x in report['grids'][optimizer])} | {rate:g} | "
            + " | ".join(f"{x:.1f} %" for x in accuracy) + f" | {step:.0f} | {memory:.0f} |")
    return "\n".join(lines)


def milliseconds_per_step(report, run):
    last = run["epochs"][-1]
    return 1000 * last["training_seconds"] / last["steps"]


def put_between_markers(path, text):
    document = path.read_text()
    head, rest = document.split(BEGIN)
    _, tail = rest.split(END)
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--figure", type=Path, required=True)
    parser.add_argument("--table", type=Path, help="a Markdown file with the two markers")
    arguments = parser.parse_args()
    report = json.loads(arguments.results.read_text())
    optimizers = [name for name in NAMES if name in report["grids"]]
    draw(report, optimizers, arguments.figure)
    text = table(report, optimizers, arguments.results)
    print(text)
    if arguments.table:
        put_between_markers(arguments.table, text)


if __name__ == "__main__":
    main()
