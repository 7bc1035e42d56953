"""LibTorch: libraries and headers out of pinned wheels, into `libtorch/{lib,include,pkgconfig}` of the cache."""
import fnmatch
import hashlib
import json
import shutil
import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from . import pip_client
from .cache import Cache
from .console import MEGABYTE, Progress, SetupError, say
from .pip_client import PinFile
from .prerequisites import check_cplusplus
from .process import run_logged

HEADERS = "torch/include/*"
CPU_LIBRARIES = ("torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", "torch/lib/libgomp.so.1",
                 "nvidia/*/lib/libcudart.so.13", "nvidia/*/lib/libcupti.so.13")
CUDA_LIBRARIES = ("torch/lib/*.so", "torch/lib/*.so.*", "nvidia/*/lib/*.so", "nvidia/*/lib/*.so.*")
NEVER = ("torch/lib/libtorch_python.so", "torch/lib/libshm.so")
REQUIRED = ("lib/libtorch_cpu.so", "lib/libc10.so", "lib/libgomp.so.1", "lib/libcudart.so.13", "lib/libcupti.so.13",
            "include/ATen/ATen.h", "include/torch/csrc/stable/c/shim.h")
STAMP = "stamp.json"


def ensure(cache: Cache, pin_files: Sequence[PinFile], cuda: bool) -> None:
    """LibTorch as the pin files say, with the CUDA libraries or without; nothing is done when it is there."""
    stamp = stamp_of(pin_files)
    if not is_complete(cache.libtorch, stamp, cuda):
        with cache.locked():
            if not is_complete(cache.libtorch, stamp, cuda):
                check_cplusplus(cache)
                install(cache, pin_files, cuda, stamp)
    write_pkgconfig(cache.libtorch, pin_files[0].version("torch"))


def stamp_of(pin_files: Sequence[PinFile]) -> str:
    """Of the base wheels alone: libraries for CUDA on top of them do no harm to a CPU."""
    return hashlib.sha256("\n".join(pin.line for pin in pin_files[0].pins).encode()).hexdigest()


def is_complete(folder: Path, stamp: str, cuda: bool) -> bool:
    try:
        recorded = json.loads((folder / STAMP).read_text())
        return (recorded["pins"] == stamp and (recorded["cuda"] or not cuda)
                and all((folder / name).stat().st_size == size for name, size in recorded["files"].items()))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def install(cache: Cache, pin_files: Sequence[PinFile], cuda: bool, stamp: str) -> None:
    version = pin_files[0].version("torch")
    pins = [pin for file in pin_files for pin in file.pins]
    have = pip_client.size_of(cache.downloads) // MEGABYTE
    cache.require_space(max(0, sum(file.megabytes_needed for file in pin_files) - have), f"LibTorch {version}")
    say(f"Fetching LibTorch {version}{' with CUDA' if cuda else ''} into {cache.libtorch} "
        f"({sum(file.megabytes for file in pin_files)} MB, once)...")
    wheels = [pip_client.fetch_wheel(cache, pin) for pin in pins]
    staging = cache.temporary / "libtorch"
    staging.mkdir()
    libraries = CUDA_LIBRARIES if cuda else CPU_LIBRARIES
    for wheel in wheels:
        unpack(wheel, staging, libraries)
    check(cache, staging, version)
    sizes = {str(file.relative_to(staging)): file.stat().st_size for file in sorted((staging / "lib").iterdir())}
    (staging / STAMP).write_text(json.dumps({"pins": stamp, "cuda": cuda, "files": sizes}, indent=1))
    cache.publish(staging, cache.libtorch)
    shutil.rmtree(cache.downloads)


def unpack(wheel: Path, staging: Path, libraries: Sequence[str]) -> None:
    """Headers keep their folders, libraries lie side by side. Reading to the end checks each file's CRC."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            chosen = [(member, place) for member in archive.infolist()
                      if not member.is_dir() and (place := place_of(member.filename, libraries))]
            done, total = 0, sum(member.file_size for member, _ in chosen)
            with Progress(f"unpacking {wheel.name.split('-')[0]}", total) as progress:
                for member, place in chosen:
                    target = staging / place
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(member) as source, open(target, "wb") as output:
                        while block := source.read(1 << 20):
                            output.write(block)
                            done += len(block)
                            progress.update(done)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        wheel.unlink()
        raise SetupError(f"{wheel.name} is damaged ({error}): it was removed, call again to fetch it anew.") from None


def place_of(name: str, libraries: Sequence[str]) -> str | None:
    if ".." in name.split("/") or name in NEVER:
        return None
    if fnmatch.fnmatch(name, HEADERS):
        return name.removeprefix("torch/")
    if any(fnmatch.fnmatch(name, pattern) for pattern in libraries):
        return "lib/" + name.rpartition("/")[2]
    return None


def check(cache: Cache, staging: Path, version: str) -> None:
    """The library is whole and this machine can load it, with every symbol bound."""
    missing = [name for name in REQUIRED if not (staging / name).is_file()]
    if missing:
        raise SetupError(f"the wheels pinned for LibTorch {version} lack {', '.join(missing)}.")
    log = cache.logs / "load-libtorch.log"
    program = "import ctypes, os, sys; ctypes.CDLL(sys.argv[1], mode=os.RTLD_NOW)"
    code, output = run_logged([sys.executable, "-c", program, str(staging / "lib/libtorch_cpu.so")], log)
    if code != 0:
        reason = output.strip().splitlines()[-1] if output.strip() else f"exit code {code}"
        raise SetupError(f"LibTorch {version} cannot be loaded on this machine: {reason} (details in {log}).")


def write_pkgconfig(folder: Path, version: str) -> None:
    """How SwiftPM finds it; written anew when the folder has moved, left alone otherwise (a build depends on it)."""
    prefix = str(folder).replace("\\", "\\\\").replace(" ", "\\ ")
    text = (f"prefix={prefix}\nlibdir=${{prefix}}/lib\nincludedir=${{prefix}}/include\n\n"
            f"Name: libtorch\nDescription: PyTorch's C++ library\nVersion: {version}\n"
            "Libs: -L${libdir} -ltorch_cpu -lc10\n"
            "Cflags: -I${includedir} -I${includedir}/torch/csrc/api/include\n")
    file = folder / "pkgconfig" / "libtorch.pc"
    if not file.is_file() or file.read_text() != text:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
