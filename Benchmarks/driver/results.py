"""The result file: written after every round, so that nothing is lost, and read again to go on."""
import json
import os
from pathlib import Path

from .failure import BenchmarkError

FORMAT = 1


def save(results: dict, path: Path) -> None:
    """The file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(encode(results) + "\n")
    os.replace(part, path)


def encode(value: object, depth: int = 0) -> str:
    """JSON with objects spread over lines and lists of numbers on one."""
    if isinstance(value, dict) and value:
        inner = " " * (depth + 1)
        body = ",\n".join(f"{inner}{json.dumps(key)}: {encode(item, depth + 1)}" for key, item in value.items())
        return "{\n" + body + "\n" + " " * depth + "}"
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        inner = " " * (depth + 1)
        return "[\n" + ",\n".join(inner + encode(item, depth + 1) for item in value) + "\n" + " " * depth + "]"
    return json.dumps(value)


def load(path: Path) -> dict:
    try:
        results = json.loads(path.read_text())
    except FileNotFoundError:
        raise BenchmarkError(f"{path} is not there: make bench writes it") from None
    except ValueError as error:
        raise BenchmarkError(f"{path} is not a result file: {error}") from None
    if results.get("format") != FORMAT:
        raise BenchmarkError(
            f"{path} has format {results.get('format')}, {FORMAT} is expected: make bench writes it anew")
    return results


def cells_to_keep(path: Path) -> dict:
    """The cells of an earlier run that went without a problem. Those of earlier versions do not say on which processor:
    it was that of their run."""
    found = load(path)
    processor = {"processor": found["machine"]["processor"]}
    return {key: processor | cell for key, cell in found["cells"].items() if "problem" not in cell}
