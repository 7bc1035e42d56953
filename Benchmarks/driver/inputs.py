"""Initial weights and batches, written once as safetensors and loaded by every contender."""
import subprocess
from collections.abc import Iterable
from pathlib import Path

from .failure import BenchmarkError

WRITER = Path(__file__).resolve().parents[1] / "peers" / "write_inputs.py"


class Inputs:
    def __init__(self, folder: Path, seed: int):
        self.folder = folder
        self.seed = seed

    def weights(self, model: str) -> Path:
        return self.folder / f"{model}.safetensors"

    def batch(self, model: str, batch: int) -> Path:
        return self.folder / f"{model}-{batch}.safetensors"

    def write(self, python: Path, cells: Iterable[tuple[str, int]]) -> None:
        words = [f"{model}:{batch}" for model, batch in sorted(set(cells))]
        done = subprocess.run([str(python), str(WRITER), str(self.folder), str(self.seed), *words],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise BenchmarkError(f"the inputs could not be written: {done.stderr.strip().splitlines()[-1:]}")
