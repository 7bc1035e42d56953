"""Markdown for the documentation, put between markers."""
from pathlib import Path

from . import table
from .failure import BenchmarkError

FULL_NOTE = "Heavy cells have fewer contenders; `make bench ARGS=--full` runs all of them everywhere."


def markers(name: str) -> tuple[str, str]:
    return f"<!-- {name}: written by Benchmarks/figures.py -->", f"<!-- end of {name} -->"


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
        f"{count(settings['rounds'], 'round')} on {found['started'].split()[0]}, "
        f"{found['minutes']} minutes, commit {versions['commit']}. {FULL_NOTE}"]
    for cell in found["cells"].values():
        parts.append(f"### {upper(table.title(cell))}\n\n{table.cell_markdown(cell)}")
    return "\n\n".join(parts)


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
