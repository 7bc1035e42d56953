"""A worker that says when it is ready for some steps, and waits until it is told to take them."""
import json
import os
import selectors
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .failure import BenchmarkError


READY = "ready"


class PacedWorker:
    """A process of its own, warmed up when it has been entered; stopped when it is left."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], time_limit: float):
        self.command = list(command)
        self.environment = dict(environment)
        self.time_limit = time_limit
        self.errors = tempfile.TemporaryFile(mode="w+", prefix="fop-benchmark-")
        self.unread = b""
        self.last = ""

    def __enter__(self) -> "PacedWorker":
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        env=self.environment)
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
        while b"\n" not in self.unread:
            with selectors.DefaultSelector() as selector:
                selector.register(self.process.stdout, selectors.EVENT_READ)
                if not selector.select(self.time_limit):
                    raise BenchmarkError(f"{self.title}: took more than {self.time_limit} s and was stopped")
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                raise BenchmarkError(f"{self.title}: {self.reason()}")
            self.unread += more
        line, self.unread = self.unread.split(b"\n", 1)
        return line.decode(errors="replace")

    @property
    def title(self) -> str:
        return os.path.basename(self.command[0])

    def reason(self) -> str:
        code = self.process.wait()
        self.errors.seek(0)
        return reason(code, self.errors.read())


def prefer_as_victim(pid: int) -> None:
    """Should memory run out, the kernel ends the worker, not whatever else runs."""
    try:
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
    except OSError:
        pass


def reason(code: int, errors: str) -> str:
    """Why a worker ended, from its exit code and what it said."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    if code == -signal.SIGKILL:
        return "was killed: the machine's memory is not enough"
    text = lines[-1] if lines else "without a word"
    return text if code >= 0 else f"ended by signal {-code}: {text}"
