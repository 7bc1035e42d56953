"""What the numbers depend on: processor, system, versions, settings."""
import json
import os
import platform
import subprocess
import time
from pathlib import Path

from .contenders import Tools

PACKAGES = ["torch", "numpy", "pytorch-optimizer", "asdfghjkl", "safetensors"]


def available_cores() -> int:
    return len(os.sched_getaffinity(0))


def describe(tools: Tools) -> dict:
    script = ("import importlib.metadata as m, json, sys; "
              f"print(json.dumps({{p: m.version(p) for p in {PACKAGES!r}}}))")
    versions = json.loads(subprocess.check_output([str(tools.python), "-c", script], text=True))
    versions |= {
        "python": platform.python_version(), "swift": first_line(["swift", "--version"]),
        "commit": commit(),
        "wheel": tools.wheel.name if tools.wheel else None,
    }
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return {
        "versions": versions,
        "machine": {
            "processor": processor(), "cores": available_cores(), "memory_gb": round(int(memory.split()[1]) / 2**20, 1),
            "system": f"{platform.system()} {platform.release()}", "c_library": " ".join(platform.libc_ver()),
            "load_at_start": os.getloadavg()[0],
        },
    }


def commit() -> str:
    """The commit that is checked out, with "-dirty" if files differ from it other than what benchmarks write."""
    changed = first_line(["git", "status", "--porcelain", "--untracked-files=no", "--", ":/", ":/!results",
                          ":/!Documentation"])
    return first_line(["git", "describe", "--always"]) + ("" if changed == "" else "-dirty")


def now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def worker_environment(threads: int) -> dict[str, str]:
    """The same for all workers; nothing from outside changes allocator or threads."""
    prefixes = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "MALLOC_", "FOP_ALLOCATOR", "LD_PRELOAD", "PYTHON")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}
    # numpy's own threads are not used, and would stand in the way of a fork.
    return kept | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def first_line(command: list[str]) -> str:
    """Of what a command prints; nothing if it prints nothing."""
    try:
        return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL).partition("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
