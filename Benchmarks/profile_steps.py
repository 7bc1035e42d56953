#!/usr/bin/env python3
"""Looks where the time of our own steps goes, by operator; writes results/profile.json and the table of
Documentation/performance.md. `make bench-profile` calls this.
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from driver import documents, machine, results  # noqa: E402
from driver.failure import BenchmarkError  # noqa: E402
from driver.setup import ROOT, add_tool_options, exit_status, find_tools, positive, say  # noqa: E402

CONTENDERS = ["sgd", "kfac", "fop-2"]
BATCHES = [512, 2048]


def measure(options: argparse.Namespace, worker: Path, contender: str, batch: int) -> dict:
    words = [str(worker), "profile", "--model", "resnet", "--contender", contender, "--batch", str(batch),
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


def run(options: argparse.Namespace) -> None:
    tools = find_tools(options, options.cache.absolute() / "benchmark")
    runs = [measure(options, tools.swift_worker, name, batch) for batch in BATCHES for name in CONTENDERS]
    found = {"format": results.FORMAT, "command": "make bench-profile", **machine.describe(tools),
             "settings": {"threads": options.threads, "steps": options.steps}, "runs": runs}
    results.save(found, options.output)
    documents.put(options.document, "profile", documents.profile(found))
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
