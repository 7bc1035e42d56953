"""Runs another program with its output in a log file, and watches it."""
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .console import SetupError


def run_logged(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    every_tick: Callable[[str], None] | None = None,
) -> tuple[int, str]:
    """Runs the command and returns its exit code and its whole output, which also lies in `log`.

    `every_tick` gets the output so far several times a second. Whatever ends this process early ends the command too.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as output:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env=environment, cwd=folder)
        except FileNotFoundError:
            raise SetupError(f"the program {command[0]} is missing: install it, or put it on the PATH.") from None
        try:
            while True:
                try:
                    process.wait(0.1)
                    break
                except subprocess.TimeoutExpired:
                    if every_tick:
                        every_tick(text_of(log))
        except BaseException:
            stop(process)
            raise
    return process.returncode, text_of(log)


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 5
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    if process.poll() is None:
        process.kill()
        process.wait()


def text_of(log: Path) -> str:
    return log.read_text(errors="replace")
