"""Starts one worker process and reads what it reports."""
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .contenders import Contender, Tools

TIME_LIMIT = 900
"""Seconds after which a worker is stopped."""


@dataclass(frozen=True)
class Outcome:
    report: dict | None
    reason: str | None
    seconds: float


def environment(contender: Contender, tools: Tools) -> dict[str, str]:
    """The same for all; nothing from outside changes allocator or threads."""
    kept = {key: value for key, value in os.environ.items()
            if not key.startswith(("OMP_", "GOMP_", "KMP_", "MKL_", "MALLOC_", "FOP_ALLOCATOR", "LD_PRELOAD"))}
    kept |= {"OMP_NUM_THREADS": str(tools.threads), "CUDA_VISIBLE_DEVICES": ""}
    if contender.name == "wheel-fop-2":
        kept["PYTHONPATH"] = str(tools.wheel)
    return kept


def run_worker(command: Sequence[str], environment: dict[str, str]) -> Outcome:
    start = time.monotonic()
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, errors="replace", env=environment)
    except OSError as error:
        return Outcome(None, f"{command[0]} does not start: {error.strerror}", 0.0)
    prefer_as_victim(process.pid)
    try:
        output, errors = process.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return Outcome(None, f"took more than {TIME_LIMIT} s and was stopped", time.monotonic() - start)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    seconds = time.monotonic() - start
    if process.returncode != 0:
        return Outcome(None, reason(process.returncode, errors), seconds)
    try:
        return Outcome(json.loads(output.splitlines()[-1]), None, seconds)
    except (IndexError, ValueError):
        return Outcome(None, f"printed no report but {output[-200:]!r}", seconds)


def prefer_as_victim(pid: int) -> None:
    """Should memory run out, the kernel ends the worker, not whatever else runs."""
    try:
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
    except OSError:
        pass


def reason(code: int, errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    if code == -signal.SIGKILL:
        return "was killed: the machine's memory is not enough"
    text = lines[-1] if lines else "without a word"
    return text if code > 0 else f"ended by signal {-code}: {text}"
