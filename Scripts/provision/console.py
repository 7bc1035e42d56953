"""What the user reads: plain lines, progress, and failures of one sentence."""
import shutil
import sys
import time

MEGABYTE = 1_000_000


class SetupError(Exception):
    """A failure the user can act on; its text is the one sentence they see."""


def say(text: str) -> None:
    print(text, flush=True)


def details_in(path) -> str:
    """How a sentence names the log that has the details."""
    return f"details in {path}"


class Progress:
    """Megabytes done: one line rewritten in place on a terminal, a plain line every five seconds otherwise."""

    def __init__(self, label: str, total_bytes: int | None = None):
        self.label = label
        self.total = total_bytes
        self.on_terminal = sys.stdout.isatty()
        self.started = self.last_shown = time.monotonic()
        self.shown = False

    def update(self, done_bytes: int) -> None:
        now = time.monotonic()
        if now - self.last_shown < (0.2 if self.on_terminal else 5):
            return
        self.last_shown = now
        text = f"  {self.label}: {done_bytes / MEGABYTE:.0f}"
        if self.total:
            text += f" of {self.total / MEGABYTE:.0f} MB ({min(100, 100 * done_bytes // self.total)} %)"
        else:
            text += " MB"
        text += f", {done_bytes / MEGABYTE / max(now - self.started, 0.1):.0f} MB/s"
        if self.on_terminal:
            width = shutil.get_terminal_size().columns - 1
            print("\r" + text[:width].ljust(width), end="", flush=True)
            self.shown = True
        else:
            say(text)

    def phase(self, label: str) -> None:
        """What is done now cannot be measured: its name is shown, once."""
        if label != self.label:
            self.close()
            self.label = label
            say(f"  {label}...")

    def close(self) -> None:
        if self.shown:
            width = shutil.get_terminal_size().columns - 1
            print("\r" + " " * width + "\r", end="", flush=True)
            self.shown = False

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        self.close()
