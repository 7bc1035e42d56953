"""Starts one worker process and reads what it reports."""
import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .contenders import Contender, Tools
from .paced import PacedWorker
from .peer_server import PeerServer
from .processes import TookTooLong, prefer_as_victim, reason

PEER = Path(__file__).resolve().parents[1] / "peers" / "worker.py"
TIME_LIMIT = 900
"""Seconds after which a worker is stopped."""


@dataclass(frozen=True)
class Outcome:
    report: dict | None
    reason: str | None
    seconds: float


class Workers:
    """Swift workers are started as they are; Python ones are forked by a server that has PyTorch imported."""

    def __init__(self, tools: Tools, environment: Mapping[str, str]):
        self.tools = tools
        self.environment = dict(environment)
        self.server = PeerServer(tools.python, self.environment)

    def run(self, contender: Contender, arguments: Sequence[str]) -> Outcome:
        start = time.monotonic()
        try:
            if contender.program == "swift":
                code, output, errors = self.run_swift(arguments)
            else:
                path = [str(self.tools.wheel)] if contender.name == "wheel-fop-2" else []
                code, output, errors = self.server.run(arguments, path, TIME_LIMIT)
        except (TookTooLong, subprocess.TimeoutExpired):
            return Outcome(None, f"took more than {TIME_LIMIT} s and was stopped", time.monotonic() - start)
        seconds = time.monotonic() - start
        if code != 0:
            return Outcome(None, reason(code, errors), seconds)
        try:
            return Outcome(json.loads(output.splitlines()[-1]), None, seconds)
        except (IndexError, ValueError):
            return Outcome(None, f"printed no report but {output[-200:]!r}", seconds)

    def run_swift(self, arguments: Sequence[str]) -> tuple[int, str, str]:
        process = subprocess.Popen([str(self.tools.swift_worker), *arguments], stdin=subprocess.DEVNULL, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment)
        prefer_as_victim(process.pid)
        try:
            output, errors = process.communicate(timeout=TIME_LIMIT)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        return process.returncode, output, errors

    def paced(self, contender: Contender, arguments: Sequence[str]) -> PacedWorker:
        """One that waits for its turns. Started as it is, also a Python one: the server runs one at a time."""
        program = [self.tools.swift_worker] if contender.program == "swift" else [self.tools.python, PEER]
        return PacedWorker([*map(str, program), *arguments], self.environment, TIME_LIMIT)

    def close(self) -> None:
        self.server.close()
