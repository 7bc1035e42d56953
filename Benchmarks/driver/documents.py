"""Markdown for the documentation, put between markers."""
from pathlib import Path

from . import table
from .bars import INDISPENSABLE
from .contenders import CONTENDERS
from .failure import BenchmarkError
from .plan import PACE

FULL_NOTE = "Heavy cells have fewer contenders; `make bench ARGS=--full` runs all of them everywhere."


PROGRAMS = {"profile": "profile_steps", "kinds": "profile_steps", "samples": "samples"}
"""Who writes what; all else is figures.py's."""


def markers(name: str) -> tuple[str, str]:
    program = PROGRAMS.get(name, "figures")
    return f"<!-- {name}: written by Benchmarks/{program}.py -->", f"<!-- end of {name} -->"


def put(path: Path, name: str, text: str) -> None:
    begin, end = markers(name)
    try:
        document = path.read_text()
    except FileNotFoundError:
        raise BenchmarkError(f"{path} is not there") from None
    if document.count(begin) != 1 or document.count(end) != 1:
        raise BenchmarkError(f"{path} needs the lines '{begin}' and '{end}', each once")
    head, rest = document.split(begin)
    _, tail = rest.split(end)
    path.write_text(f"{head}{begin}\n{text}\n{end}{tail}")


def steps(found: dict) -> str:
    machine, versions, settings = found["machine"], found["versions"], found["settings"]
    parts = [
        f"{machine['processor']}, {count(settings['threads'], 'thread')}, {machine['memory_gb']} GB, "
        f"{machine['system']}, {machine['c_library']}; PyTorch {versions['torch']}, {versions['swift']}, "
        f"pytorch-optimizer {versions['pytorch-optimizer']}, asdfghjkl {versions['asdfghjkl']}; "
        f"at least {count(settings['rounds'], 'round')}. {FULL_NOTE}"]
    for cell in found["cells"].values():
        parts.append(f"### {upper(table.title(cell))}\n\n{table.cell_markdown(cell)}\n\n{provenance(cell, machine)}")
    return "\n\n".join(parts)


def provenance(cell: dict, machine: dict) -> str:
    rounds: dict[int, list[str]] = {}
    for name, entry in cell["contenders"].items():
        rounds.setdefault(len(entry["rounds"]), []).append(CONTENDERS[name].label)
    most = max(rounds, key=lambda number: len(rounds[number]))
    others = "".join(f", {number} of {', '.join(names)}" for number, names in rounds.items()
                     if number not in (0, most))
    for place, what in (("paced_turns", f"times {PACE} steps in turns"), ("turns", "intervals in turns")):
        found = {CONTENDERS[name].label: entry[place] for name, entry in cell["contenders"].items() if place in entry}
        if found:
            others += f", {min(map(len, found.values()))} {what} of {' and '.join(found)}"
    # Cells of earlier versions do not say.
    where = (f"{cell['started']}, {count(round(cell['seconds'] / 60), 'minute')}, commit {cell['commit']}"
             if "commit" in cell else "from an earlier run, see the history of the result file")
    return f"{count(most, 'round')}{others}; {where}{elsewhere(cell, machine)}."


def elsewhere(cell: dict, machine: dict) -> str:
    """Where a cell was measured, if on another processor than the result file's other cells."""
    processor = cell.get("processor", machine["processor"])
    return f", on {processor}" if processor != machine["processor"] else ""


def count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def upper(text: str) -> str:
    return text[0].upper() + text[1:]


def growth(grown: dict) -> str:
    """Exponents of the cost."""
    rows = [
        [line["contender"], line["against"], ", ".join(f"{x:,}" for x in line["values"]),
         ", ".join(table.milliseconds(ms) for ms in line["milliseconds"]), f"{line['exponent']:.2f}"]
        for line in grown["lines"]]
    return table.as_markdown(["contender", "against", "values", "ms per step", "exponent"], rows)


PROFILED = 14
"""How many operators the table of a profile has."""


def profile(found: dict) -> str:
    """Where the time of a step goes: by phase, then by operator."""
    runs = {(run["batch"], run["contender"]): run for run in found["runs"]}
    names = list(dict.fromkeys(run["contender"] for run in found["runs"]))
    parts = []
    for batch in dict.fromkeys(run["batch"] for run in found["runs"]):
        columns = [runs[batch, name] for name in names]
        rows = [[what, *(f"{of(run):.1f}" for run in columns)] for what, of in PHASES.items()]
        operators = {key: None for run in reversed(columns) for key in called(run)}
        order = sorted(operators, key=lambda key: -max(called(run).get(key, (0, 0))[0] for run in columns))
        rows += [[f"{phase}: `{name}`", *(cell(called(run).get((phase, name))) for run in columns)]
                 for phase, name in order[:PROFILED]]
        table_text = table.as_markdown(["ms per step (calls)", *names], rows)
        parts.append(f"Batch {batch:,}:\n\n{table_text}")
    return "\n\n".join(parts)


def kinds(peers: list[dict]) -> str:
    """Where the time of PyTorch's SGD goes, by kind of operator, and what the bar against it is bound by."""
    stock = peers[0]["milliseconds"]
    names = sorted({kind for peer in peers for kind in peer["kinds"]}, key=lambda kind: -peers[0]["kinds"].get(kind, 0))
    rows = [["whole step, without the profiler", *(f"{peer['milliseconds']:.1f}" for peer in peers)]]
    rows += [[kind, *(f"{peer['kinds'].get(kind, 0):.1f}" for peer in peers)] for kind in names]
    share = [f"{sum(peer['kinds'][kind] for kind in INDISPENSABLE) / stock:.2f}" for peer in peers]
    rows.append([f"{' and '.join(INDISPENSABLE)} / whole step of the first", *share])
    labels = [CONTENDERS[peer["contender"]].label for peer in peers]
    return f"Batch {peers[0]['batch']:,}:\n\n" + table.as_markdown(["ms per step", *labels], rows)


def wall(run: dict, phase: str) -> float:
    return next(entry["milliseconds"] for entry in run["phases"] if entry["phase"] == phase)


def own(run: dict, phase: str) -> float:
    entry = next(entry for entry in run["phases"] if entry["phase"] == phase)
    return sum(operator["milliseconds"] for operator in entry["operators"])


PHASES = {
    "whole step": lambda run: sum(entry["milliseconds"] for entry in run["phases"]),
    "forward": lambda run: wall(run, "forward"),
    "backward, by autograd itself": lambda run: wall(run, "backward") - own(run, "backward"),
    "backward, by operators called from taps": lambda run: own(run, "backward"),
    "update": lambda run: wall(run, "update"),
}


def called(run: dict) -> dict[tuple[str, str], tuple[float, float]]:
    return {(phase["phase"], operator["name"].removeprefix("aten::")): (operator["milliseconds"], operator["calls"])
            for phase in run["phases"] for operator in phase["operators"]}


def cell(found: tuple[float, float] | None) -> str:
    return f"{found[0]:.2f} ({found[1]:.0f})" if found else ""
