"""The process that has PyTorch imported and forks the Python workers (peers/server.py)."""
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .failure import BenchmarkError
from .processes import LineReader

PROGRAM = Path(__file__).resolve().parents[1] / "peers" / "server.py"


class PeerServer:
    def __init__(self, python: Path, environment: Mapping[str, str]):
        self.scratch = tempfile.TemporaryDirectory(prefix="fop-benchmark-")
        self.errors = Path(self.scratch.name) / "server-errors"
        with open(self.errors, "w") as errors:
            self.process = subprocess.Popen([str(python), str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=errors, env=dict(environment))
        self.lines = LineReader(self.process.stdout)
        # Whoever is timed while it still imports would be slowed down.
        if not self.answer().get("ready"):
            self.fail()

    def run(self, arguments: Sequence[str], path: Sequence[str], time_limit: float) -> tuple[int, str, str]:
        """Runs one worker. Returns exit code, output and errors."""
        output, errors = (Path(self.scratch.name) / name for name in ("output", "errors"))
        job = {"arguments": list(arguments), "path": list(path), "output": str(output), "errors": str(errors)}
        try:
            self.process.stdin.write(json.dumps(job).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.fail()
        pid = self.answer()["pid"]
        try:
            code = self.answer(time_limit)["code"]
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            self.answer()
            raise
        return code, output.read_text(errors="replace"), errors.read_text(errors="replace")

    def answer(self, time_limit: float | None = None) -> dict:
        line = self.lines.next(time_limit)
        if line is None:
            self.fail()
        return json.loads(line)

    def fail(self) -> None:
        words = self.errors.read_text().strip().splitlines()
        raise BenchmarkError(f"the Python workers' server ended: {words[-1] if words else 'without a word'}")

    def close(self) -> None:
        """It ends when there are no more jobs."""
        self.process.stdin.close()
        self.process.wait()
        self.scratch.cleanup()
