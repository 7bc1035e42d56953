"""Runs another program with its output in a log file, and watches it."""
import signal
import subprocess
import threading
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
    """Runs the command and returns its exit code and its whole output, which also goes to `log`.

    `every_tick` gets the output so far several times a second. Whatever ends this process early ends the command too.
    """
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, errors="replace", env=environment, cwd=folder)
    except FileNotFoundError:
        raise SetupError(f"the program {command[0]} is missing: install it, or put it on the PATH.") from None
    lines: list[str] = []
    reader = threading.Thread(target=collect, args=(process, lines, log), daemon=True)
    reader.start()
    try:
        while True:
            try:
                process.wait(0.1)
                break
            except subprocess.TimeoutExpired:
                if every_tick:
                    every_tick("".join(lines))
    except BaseException:
        stop(process)
        raise
    reader.join()
    return process.returncode, "".join(lines)


def collect(process: subprocess.Popen, lines: list[str], log: Path) -> None:
    """Keeps the output in memory, as the log may lie on a disk that is full: then it says what could be written."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        file = open(log, "w", buffering=1)
    except OSError:
        file = None
    for line in process.stdout:
        lines.append(line)
        try:
            if file:
                file.write(line)
        except OSError:
            file = None


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 5
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    if process.poll() is None:
        process.kill()
        process.wait()
