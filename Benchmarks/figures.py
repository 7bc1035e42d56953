#!/usr/bin/env python3
"""Draws what bench.py measured, and writes its tables between the markers of Documentation/performance.md.

Needs matplotlib (`make bench-figures` has it).
"""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from driver import bars, documents, results, table  # noqa: E402
from driver.failure import BenchmarkError  # noqa: E402
from pictures import growth_picture, sample_picture, step_picture  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "benchmark.json")
    parser.add_argument("--growth", type=Path, default=ROOT / "results" / "growth.json")
    parser.add_argument("--profile", type=Path, default=ROOT / "results" / "profile.json",
                        help="what bench-profile found, for the bounds")
    parser.add_argument("--samples", type=Path, default=ROOT / "results" / "samples.json")
    parser.add_argument("--figures", type=Path, default=ROOT / "Documentation" / "figures")
    parser.add_argument("--document", type=Path, default=ROOT / "Documentation" / "performance.md")
    options = parser.parse_args()
    try:
        write(options)
        return 0
    except BenchmarkError as error:
        print(f"bench-figures: {error}", file=sys.stderr)
        return 1


def write(options: argparse.Namespace) -> None:
    found = results.load(options.results)
    step_picture.draw(found, options.figures / "benchmark.png")
    documents.put(options.document, "steps", documents.steps(found))
    profile = results.load(options.profile) if options.profile.is_file() else None
    bar_table = table.as_markdown(bars.HEADER, bars.bar_rows(found, profile))
    documents.put(options.document, "bars", bar_table)
    print(bar_table)
    if options.growth.is_file():
        grown = results.load(options.growth)
        growth_picture.draw(grown, options.figures / "growth.png")
        documents.put(options.document, "growth", documents.growth(grown))
    if options.samples.is_file():
        sample_picture.draw(results.load(options.samples), options.figures / "samples.png")
    print(f"\nWritten to {options.figures} and {options.document}.")


if __name__ == "__main__":
    sys.exit(main())
