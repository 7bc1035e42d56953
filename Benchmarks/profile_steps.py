#!/usr/bin/env python3
"""Looks where the time of our own steps goes, by operator, and that of PyTorch's SGD, by kind of operator; writes
results/profile.json and the tables of Documentation/performance.md. `make bench-profile` calls this.
"""
import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from driver import documents, machine, results  # noqa: E402
from driver.contenders import CONTENDERS, Shape, Tools  # noqa: E402
from driver.failure import BenchmarkError  # noqa: E402
from driver.inputs import Inputs  # noqa: E402
from driver.setup import ROOT, SEED, add_tool_options, exit_status, find_tools, positive, say  # noqa: E402
from driver.workers import Workers  # noqa: E402

MODEL = "resnet"
OURS = ["sgd", "kfac", "fop-2"]
BATCHES = [512, 2048]
PEERS = ["torch-sgd", "torch-sgd-tuned"]
PEER_BATCH = 2048


def measure(options: argparse.Namespace, worker: Path, contender: str, batch: int) -> dict:
    words = [str(worker), "profile", "--model", MODEL, "--contender", contender, "--batch", str(batch),
             "--steps", str(options.steps), "--threads", str(options.threads)]
    done = subprocess.run(words, env=machine.worker_environment(options.threads), text=True, capture_output=True)
    if done.returncode != 0:
        raise BenchmarkError(f"{contender} at batch {batch}: {done.stderr.strip()[-300:]}")
    phases = json.loads(done.stdout.splitlines()[-1])["phases"]
    for phase in phases:
        phase["milliseconds"] = round(phase["milliseconds"], 3)
        for operator in phase["operators"]:
            operator["milliseconds"] = round(operator["milliseconds"], 4)
    say(f"  {contender}, batch {batch}: " + ", ".join(f"{p['phase']} {p['milliseconds']:.1f} ms" for p in phases))
    return {"contender": contender, "batch": batch, "phases": phases}


def measure_peers(options: argparse.Namespace, tools: Tools, scratch: Path) -> list[dict]:
    """PyTorch's SGD with the profiler and without."""
    inputs = Inputs(scratch / "inputs", SEED)
    inputs.write(tools.python, [(MODEL, PEER_BATCH)])
    workers = Workers(tools, machine.worker_environment(options.threads))
    shape = Shape(warm_up=2, steps=options.steps, interval=10)

    def ask(name: str, command: str) -> dict:
        contender = CONTENDERS[name]
        outcome = workers.run(contender, contender.arguments(
            tools, MODEL, inputs.batch(MODEL, PEER_BATCH), inputs.weights(MODEL), shape, command))
        if outcome.report is None:
            raise BenchmarkError(f"{contender.label}: {outcome.reason}")
        return outcome.report

    try:
        found = []
        for name in PEERS:
            kinds = ask(name, "operators")["milliseconds"]
            whole = statistics.mean(ask(name, "steps")["milliseconds"])
            say(f"  {CONTENDERS[name].label}, batch {PEER_BATCH}: {whole:.1f} ms")
            found.append({"contender": name, "batch": PEER_BATCH, "milliseconds": round(whole, 3),
                          "kinds": {kind: round(value, 3) for kind, value in sorted(kinds.items())}})
        return found
    finally:
        workers.close()


def run(options: argparse.Namespace) -> None:
    scratch = options.cache.absolute() / "benchmark"
    tools = find_tools(options, scratch)
    runs = [measure(options, tools.swift_worker, name, batch) for batch in BATCHES for name in OURS]
    peers = measure_peers(options, tools, scratch)
    found = {"format": results.FORMAT, "command": "make bench-profile", **machine.describe(tools),
             "settings": {"threads": options.threads, "steps": options.steps}, "runs": runs, "peers": peers}
    results.save(found, options.output)
    documents.put(options.document, "profile", documents.profile(found))
    documents.put(options.document, "kinds", documents.kinds(found["peers"]))
    say(f"Written to {options.output} and {options.document}.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_tool_options(parser)
    parser.add_argument("--steps", type=positive, default=20, help="steps of each contender, a multiple of 10")
    parser.add_argument("--output", type=Path, default=ROOT / "results" / "profile.json")
    parser.add_argument("--document", type=Path, default=ROOT / "Documentation" / "performance.md")
    options = parser.parse_args()
    return exit_status("profile", lambda: run(options), "nothing was written.")


if __name__ == "__main__":
    sys.exit(main())
