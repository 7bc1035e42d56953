#!/usr/bin/env python3
"""Compares training steps of this package with PyTorch's and its optimizers', side by side on this machine.

In each round every contender runs in turn in a fresh process, on the same batch, from the same weights, with the same
number of threads and curvature every 10 steps. `make bench` sets everything up and calls this; flags go into ARGS:

    make bench                                    everything, about half an hour, into results/benchmark.json
    make bench ARGS=--quick                       a minute's look, into runs/benchmark.json
    make bench ARGS="--models resnet --batches 2048 --contenders swift-sgd swift-fop-2 torch-sgd"
    make bench ARGS=--resume                      goes on with a run that was stopped
    make bench-figures                            pictures and tables from results/benchmark.json
"""
import argparse
import sys
import time
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from driver import bars, calls, machine, results, rounds, table  # noqa: E402
from driver.contenders import CONTENDERS, Tools  # noqa: E402
from driver.failure import BenchmarkError  # noqa: E402
from driver.inputs import Inputs  # noqa: E402
from driver.plan import INTERVAL, MODELS, Cell, Shape, make_plan  # noqa: E402
from driver.progress import Progress  # noqa: E402
from driver.workers import Workers  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
SEED = 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, metavar="MODEL", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--batches", nargs="+", type=positive, metavar="N", help="batch sizes, for every model")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, metavar="NAME", help=f"of {', '.join(CONTENDERS)}")
    parser.add_argument("--rounds", type=positive, help="rounds, each with every contender once (5; --quick: 1)")
    parser.add_argument("--quick", action="store_true", help="one small cell and one round: to see that everything works")
    parser.add_argument("--full", action="store_true", help="every contender in every cell: more than an hour")
    parser.add_argument("--threads", type=positive, default=machine.available_cores(), help="threads of all contenders")
    parser.add_argument("--output", type=Path, help="the result file")
    parser.add_argument("--resume", action="store_true", help="keep the cells that the result file has already")
    parser.add_argument("--kfac-source", type=Path, help="folder of kfac-pytorch's source, which PyPI does not have")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache", help="where LibTorch and Python environments are")
    parser.add_argument("--worker", type=Path, help="the built BenchmarkWorker",
                        default=ROOT / "Benchmarks" / ".build" / "release" / "BenchmarkWorker")
    return parser.parse_args()


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 1 or more")
    return int(text)


def find_tools(options: argparse.Namespace, scratch: Path) -> Tools:
    python = options.cache.absolute() / "reference-venv" / "bin" / "python"
    for path, target in ((options.worker, "make bench builds it"), (python, "make reference-venv makes it")):
        if not path.is_file():
            raise BenchmarkError(f"{path} is not there: {target}")
    if options.kfac_source and not (options.kfac_source / "kfac" / "preconditioner.py").is_file():
        raise BenchmarkError(f"--kfac-source {options.kfac_source}: kfac/preconditioner.py is not in it")
    return Tools(options.worker.absolute(), python, options.threads, unpack_wheel(scratch), options.kfac_source)


def unpack_wheel(scratch: Path) -> Path | None:
    """The newest wheel of dist/, in a folder that Python can import from; it is not installed anywhere."""
    wheels = sorted((ROOT / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    if not wheels:
        return None
    folder = scratch / wheels[-1].stem
    with zipfile.ZipFile(wheels[-1]) as archive:
        archive.extractall(folder)
    return folder


def check_equal_work(cells: list[Cell], workers: Workers, inputs: Inputs) -> None:
    """Before anything is timed: SGD has the same losses wherever it runs."""
    for model in dict.fromkeys(cell.model for cell in cells):
        names = {name for cell in cells if cell.model == model for name in cell.contenders if CONTENDERS[name].is_sgd}
        small = Cell(model, 16, Shape(warm_up=3, steps=1, interval=INTERVAL), tuple(sorted(names)))
        result = rounds.begin(small, workers.tools)
        rounds.run_round(small, result, workers, inputs, lambda *_: None)
        problem = rounds.disagreement(result)
        if problem:
            raise BenchmarkError(f"the contenders do not do the same work on {model}: {problem}")
        for name, entry in result["contenders"].items():
            if entry["status"] == "failed":
                raise BenchmarkError(f"{name} does not run on {model}: {entry['reason']}")
    say("SGD has the same losses over two steps in Swift and PyTorch, to one part in a thousand.")


def run_cells(cells: list[Cell], options: argparse.Namespace, workers: Workers, inputs: Inputs, found: dict) -> None:
    progress = Progress(cells, options.rounds)
    for cell in cells:
        result = found["cells"].get(cell.key)
        if result and results.is_complete(result, options.rounds):
            for name in cell.contenders:
                progress.drop(cell, name)
            continue
        found["cells"][cell.key] = result = rounds.begin(cell, workers.tools)
        for name, entry in result["contenders"].items():
            if entry["status"] != "ok":
                progress.drop(cell, name)
        for number in range(1, options.rounds + 1):
            rounds.run_round(cell, result, workers, inputs, lambda contender, outcome: progress.done(
                cell, number, options.rounds, contender, outcome))
            problem = rounds.disagreement(result)
            if problem:
                raise BenchmarkError(f"the contenders do not do the same work in {cell.key}: {problem}")
            results.save(found, options.output)
        print(f"\n{table.title(result)}\n{table.as_text(table.HEADER, table.rows(result))}\n", flush=True)


def run(options: argparse.Namespace) -> None:
    start = time.monotonic()
    options.rounds = options.rounds or (1 if options.quick else 5)
    partial = options.quick or options.models or options.batches or options.contenders
    options.output = options.output or ROOT / ("runs" if partial else "results") / "benchmark.json"
    scratch = options.cache.absolute() / "benchmark"
    scratch.mkdir(parents=True, exist_ok=True)
    tools = find_tools(options, scratch)
    cells = make_plan(options.quick, options.full, options.models, options.batches, options.contenders)
    inputs = Inputs(scratch / "inputs", SEED)
    say(f"Writing weights and batches to {inputs.folder}...")
    inputs.write(tools.python, [(cell.model, batch) for cell in cells for batch in (16, cell.batch)])
    found = results.load(options.output) if options.resume else {"format": results.FORMAT, "cells": {}}
    found |= {
        "command": "bench.py " + " ".join(sys.argv[1:]), "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        **machine.describe(tools),
        "settings": {"threads": options.threads, "rounds": options.rounds, "seed": SEED, "interval": INTERVAL,
                     "loss_tolerance": rounds.TOLERANCE},
    }
    workers = Workers(tools, machine.worker_environment(options.threads))
    try:
        check_equal_work(cells, workers, inputs)
        if not options.contenders and "calls" not in found:
            found["calls"] = calls.measure(workers, options.rounds, repetitions=5 if options.quick else 20)
        run_cells(cells, options, workers, inputs, found)
    finally:
        workers.close()
    found["minutes"] = round((time.monotonic() - start) / 60, 1)
    results.save(found, options.output)
    print(f"Bars\n{table.as_text(bars.HEADER, bars.bar_rows(found))}\n")
    say(f"Written to {options.output} after {found['minutes']} minutes.")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    options = parse_arguments()
    try:
        run(options)
        return 0
    except BenchmarkError as error:
        say(f"bench: {error}")
        return 1
    except KeyboardInterrupt:
        say("bench: interrupted; complete rounds are in the result file, --resume goes on from there.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
