"""A worker that says when it is ready for some steps, and waits until it is told to take them."""
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence

from .failure import BenchmarkError
from .processes import LineReader, TookTooLong, prefer_as_victim, reason

READY = "ready"


class PacedWorker:
    """A process of its own, warmed up when it has been entered; stopped when it is left."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], time_limit: float):
        self.command = list(command)
        self.environment = dict(environment)
        self.time_limit = time_limit
        self.errors = tempfile.TemporaryFile(mode="w+", prefix="fop-benchmark-")
        self.last = ""

    def __enter__(self) -> "PacedWorker":
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        env=self.environment)
        self.lines = LineReader(self.process.stdout)
        prefer_as_victim(self.process.pid)
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def go_on(self) -> None:
        """Lets it take its steps, and returns when it has."""
        try:
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise BenchmarkError(f"{self.title}: {self.reason()}") from None
        self.wait()

    def report(self) -> dict:
        """What it says after the last of them."""
        try:
            return json.loads(self.last)
        except ValueError:
            raise BenchmarkError(f"{self.title}: printed no report but {self.last[-200:]!r}") from None

    def wait(self) -> None:
        """For its next turn, or its report; whatever else is printed means nothing."""
        self.last = self.next_line()
        while self.last != READY and not self.last.startswith("{"):
            self.last = self.next_line()

    def next_line(self) -> str:
        try:
            line = self.lines.next(self.time_limit)
        except TookTooLong:
            raise BenchmarkError(f"{self.title}: took more than {self.time_limit} s and was stopped") from None
        if line is None:
            raise BenchmarkError(f"{self.title}: {self.reason()}")
        return line

    @property
    def title(self) -> str:
        return os.path.basename(self.command[0])

    def reason(self) -> str:
        code = self.process.wait()
        self.errors.seek(0)
        return reason(code, self.errors.read())
