#!/usr/bin/env python3
"""Measures how the cost of a step grows with the batch, with the width and with the depth of a network, and fits
exponents: ms = constant * x^exponent, by least squares on logarithms. `make bench-growth` calls this.

The network is a tower of 3 x 3 convolutions on 14 x 14 positions. What does not vary is a batch of 512, 32 channels and
4 convolutions.
"""
import argparse
import math
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from driver import documents, machine, results  # noqa: E402
from driver.contenders import CONTENDERS  # noqa: E402
from driver.failure import BenchmarkError  # noqa: E402
from driver.inputs import Inputs  # noqa: E402
from driver.plan import ABRIDGED, INTERVAL  # noqa: E402
from driver.setup import (  # noqa: E402
    ROOT, SEED, add_tool_options, exit_status, find_tools, positive, repeating_command, say)
from driver.summary import round_mean  # noqa: E402
from driver.workers import Workers  # noqa: E402

NAMES = ["swift-sgd", "swift-fop-2"]
FIXED = {"batch": 512, "width": 32, "depth": 4}
VALUES = {"batch": [256, 512, 1024, 2048, 4096], "width": [16, 32, 64, 128], "depth": [2, 4, 8, 16]}
QUICK = {"batch": [64, 128], "width": [8, 16], "depth": [1, 2]}


def measure(workers: Workers, inputs: Inputs, name: str, point: dict) -> float:
    contender = CONTENDERS[name]
    words = contender.arguments(workers.tools, "tower", inputs.batch("tower", point["batch"]), None, ABRIDGED)
    outcome = workers.run(contender, [*words, "--width", str(point["width"]), "--depth", str(point["depth"])])
    if outcome.report is None:
        raise BenchmarkError(f"{contender.label} at {point}: {outcome.reason}")
    return round_mean(outcome.report)


def exponent(values: list[int], times: list[float]) -> float:
    """The slope of a straight line through the logarithms."""
    x, y = [math.log(value) for value in values], [math.log(ms) for ms in times]
    middle = statistics.mean(x)
    return sum((a - middle) * b for a, b in zip(x, y)) / sum((a - middle) ** 2 for a in x)


def run(options: argparse.Namespace) -> None:
    scratch = options.cache.absolute() / "benchmark"
    tools = find_tools(options, scratch)
    inputs = Inputs(scratch / "inputs", SEED)
    values, fixed = (QUICK, {"batch": 64, "width": 8, "depth": 2}) if options.quick else (VALUES, FIXED)
    inputs.write(tools.python, [("tower", batch) for batch in {*values["batch"], fixed["batch"]}])
    points = [(against, value) for against in values for value in values[against]]
    times = {(name, *point): [] for name in NAMES for point in points}
    workers = Workers(tools, machine.worker_environment(options.threads))
    try:
        for number in range(1, options.rounds + 1):
            for against, value in points:
                for name in NAMES:
                    ms = measure(workers, inputs, name, fixed | {against: value})
                    times[name, against, value].append(ms)
                    say(f"  round {number}/{options.rounds}  {against} {value:<6} {CONTENDERS[name].label:<18}"
                        f"{ms:10.1f} ms")
    finally:
        workers.close()
    lines = []
    for against in values:
        for name in NAMES:
            medians = [statistics.median(times[name, against, value]) for value in values[against]]
            lines.append({
                "name": name, "contender": CONTENDERS[name].label, "against": against, "values": values[against],
                "milliseconds": [round(ms, 2) for ms in medians],
                "exponent": round(exponent(values[against], medians), 3),
                "rounds": [[round(ms, 2) for ms in times[name, against, value]] for value in values[against]]})
    found = {"format": results.FORMAT, "command": repeating_command("bench-growth"), **machine.describe(tools),
             "settings": {"threads": options.threads, "rounds": options.rounds, "interval": INTERVAL, "fixed": fixed},
             "lines": lines}
    results.save(found, options.output)
    print(documents.growth(found))
    say(f"Written to {options.output}.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_options(parser)
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--quick", action="store_true", help="tiny networks, to see that everything works")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    options.output = options.output or ROOT / ("runs" if options.quick else "results") / "growth.json"
    return exit_status("growth", lambda: run(options), "nothing was written.")


if __name__ == "__main__":
    sys.exit(main())
