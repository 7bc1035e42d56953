#!/usr/bin/env python3
"""Compares training steps of this package with PyTorch's and its optimizers', side by side on this machine.

In each round every contender runs in turn in a fresh process, on the same batch, from the same weights, with the same
number of threads and curvature every 10 steps. `make bench` sets everything up and calls this; flags go into ARGS:

    make bench                                    everything, about 50 minutes, into results/benchmark.json
    make bench ARGS=--quick                       a minute's look, into runs/benchmark.json
    make bench ARGS="--models resnet --batches 2048 --contenders swift-sgd swift-fop-2 torch-sgd"
    make bench ARGS=--resume                      goes on with a run that was stopped
    make bench-figures                            pictures and tables from results/benchmark.json
"""
import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from driver import bars, calls, machine, results, rounds, table  # noqa: E402
from driver.contenders import CONTENDERS  # noqa: E402
from driver.failure import BenchmarkError  # noqa: E402
from driver.inputs import Inputs  # noqa: E402
from driver.plan import INTERVAL, MODELS, PACED_TURNS, TURNS_PER_ROUND, Cell, Shape, make_plan  # noqa: E402
from driver.progress import Progress  # noqa: E402
from driver.setup import (  # noqa: E402
    ROOT, SEED, add_tool_options, exit_status, find_tools, positive, repeating_command, say)
from driver.workers import Workers  # noqa: E402

SMALL = 16
"""The batch on which losses are compared before anything is timed."""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, metavar="MODEL", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--batches", nargs="+", type=positive, metavar="N", help="batch sizes, for every model")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, metavar="NAME",
                        help=f"of {', '.join(CONTENDERS)}")
    parser.add_argument("--rounds", type=positive,
                        help="rounds, each with every contender once (5; --quick: 1), and so many processes for "
                             "each of those that are compared in turns")
    parser.add_argument("--quick", action="store_true", help="one small cell, one round: does everything work?")
    parser.add_argument("--full", action="store_true",
                        help="every contender in every cell, and ResNet-18 at 2048: hours")
    parser.add_argument("--output", type=Path, help="the result file")
    parser.add_argument("--resume", action="store_true",
                        help="keep what the result file has already, and add what is missing")
    add_tool_options(parser)
    return parser.parse_args()


def check_equal_work(cells: list[Cell], workers: Workers, inputs: Inputs) -> dict[str, str]:
    """Before anything is timed: does SGD have the same losses wherever it runs? What is wrong, by model."""
    problems = {}
    for model in dict.fromkeys(cell.model for cell in cells):
        names = {name for cell in cells if cell.model == model for name in cell.contenders if CONTENDERS[name].is_sgd}
        small = Cell(model, SMALL, Shape(warm_up=2, steps=1, interval=INTERVAL), tuple(sorted(names)))
        result = rounds.begin(small, workers.tools)
        rounds.run_round(small, result, workers, inputs, lambda *_: None)
        if problem := rounds.disagreement(result):
            problems[model] = problem
        say(f"{model}: {problem or 'SGD has the same losses over two steps wherever it runs'}")
    return problems


def run_cell(
    cell: Cell, options: argparse.Namespace, workers: Workers, inputs: Inputs, found: dict, progress: Progress
) -> None:
    result = found["cells"][cell.key]
    for name, entry in result["contenders"].items():
        if entry["status"] != "ok":
            progress.drop(cell, name)
    for number in range(rounds.done(result, cell.contenders, "rounds") + 1, options.rounds + 1):
        rounds.run_round(cell, result, workers, inputs, lambda contender, outcome: progress.done(
            cell, f"round {number}/{options.rounds}", contender, outcome))
        if problem := rounds.disagreement(result):
            result["problem"] = problem
            progress.drop_cell(cell)
            return
        results.save(found, options.output)
    for names, place, turns, run_some, what in (
            (cell.close, "paced_turns", PACED_TURNS, rounds.run_paced, "pair of processes"),
            (cell.turns, "turns", TURNS_PER_ROUND, rounds.run_turns, "process")):
        first = rounds.done(result, names, place) // turns + 1
        for number in range(first, options.rounds + 1) if names else ():
            try:
                seconds = run_some(cell, result, workers, inputs)
            except BenchmarkError as error:
                # What was measured in rounds stays.
                say(f"{cell.key}, in turns: {error}")
                break
            progress.turns_done(cell, f"{what} {number}/{options.rounds}", names, seconds)
            results.save(found, options.output)


def run_cells(cells: list[Cell], options: argparse.Namespace, workers: Workers, inputs: Inputs, found: dict) -> None:
    problems = check_equal_work(cells, workers, inputs)
    progress = Progress(cells, options.rounds, found["cells"])
    for cell in cells:
        result = found["cells"][cell.key] = rounds.begin_or_go_on(cell, found["cells"].get(cell.key), workers.tools)
        if cell.model in problems:
            result["problem"] = problems[cell.model]
            progress.drop_cell(cell)
        else:
            run_cell(cell, options, workers, inputs, found, progress)
        results.save(found, options.output)
        print(f"\n{table.title(result)}\n{table.cell_text(result)}\n", flush=True)


def run(options: argparse.Namespace) -> None:
    start = time.monotonic()
    options.rounds = options.rounds or (1 if options.quick else 5)
    partial = options.quick or options.models or options.batches or options.contenders
    options.output = options.output or ROOT / ("runs" if partial else "results") / "benchmark.json"
    scratch = options.cache.absolute() / "benchmark"
    tools = find_tools(options, scratch)
    cells = make_plan(options.quick, options.full, options.models, options.batches, options.contenders)
    inputs = Inputs(scratch / "inputs", SEED)
    say(f"Writing weights and batches to {inputs.folder}...")
    inputs.write(tools.python, [(cell.model, batch) for cell in cells
                                for batch in (SMALL, cell.batch, cell.reference_batch) if batch])
    found = {
        "format": results.FORMAT, "command": repeating_command("bench"),
        "started": machine.now(), **machine.describe(tools),
        "settings": {"threads": options.threads, "rounds": options.rounds, "seed": SEED, "interval": INTERVAL,
                     "loss_tolerance": rounds.TOLERANCE},
        "cells": results.cells_to_keep(options.output) if options.resume else {},
    }
    workers = Workers(tools, machine.worker_environment(options.threads))
    try:
        if not options.contenders:
            found["calls"] = calls.measure(workers, max(options.rounds, calls.ROUNDS))
        run_cells(cells, options, workers, inputs, found)
    finally:
        workers.close()
    found["minutes"] = round((time.monotonic() - start) / 60, 1)
    results.save(found, options.output)
    print(f"Bars\n{table.as_text(bars.HEADER, bars.bar_rows(found))}\n")
    say(f"Written to {options.output} after {found['minutes']} minutes.")
    if any("problem" in cell for cell in found["cells"].values()):
        raise BenchmarkError("not every cell could be compared: see above")


def main() -> int:
    options = parse_arguments()
    return exit_status(
        "bench", lambda: run(options), "complete rounds are in the result file, --resume goes on from there.")


if __name__ == "__main__":
    sys.exit(main())
