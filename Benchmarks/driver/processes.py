"""What the driver needs of all processes that it starts: their lines, and why they ended."""
import os
import selectors
import signal
from pathlib import Path
from typing import IO


class TookTooLong(Exception):
    """A worker did not end in time."""


class LineReader:
    """The lines of a pipe, waited for no longer than one likes."""

    def __init__(self, pipe: IO[bytes]):
        self.pipe = pipe
        self.unread = b""
        """What came after the last line, which the system does not know of when it is asked."""

    def next(self, time_limit: float | None) -> str | None:
        """The next line; nothing where there will be no more. Raises `TookTooLong`."""
        while b"\n" not in self.unread:
            if not self.has_more(time_limit):
                raise TookTooLong
            more = os.read(self.pipe.fileno(), 65536)
            if not more:
                return None
            self.unread += more
        line, self.unread = self.unread.split(b"\n", 1)
        return line.decode(errors="replace")

    def has_more(self, seconds: float | None) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self.pipe, selectors.EVENT_READ)
            return bool(selector.select(seconds))


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
