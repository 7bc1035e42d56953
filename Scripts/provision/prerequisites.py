"""What has to be on the machine before anything is fetched or built."""
import platform
import re
import shutil
import subprocess

from .cache import Cache
from .console import SetupError
from .process import run_logged

OLDEST_SWIFT = (6, 2)
OLDEST_GLIBC = (2, 28)
CPLUSPLUS_PROBE = "#include <memory>\n#include <vector>\nint main() { return std::vector<int>().size(); }\n"


def check_platform() -> None:
    machine = f"{platform.system()} {platform.machine()}"
    if machine != "Linux x86_64":
        raise SetupError(f"this set-up fetches LibTorch for Linux x86-64 and this machine is {machine}.")
    library, version = platform.libc_ver()
    if library != "glibc" or numbers(version) < OLDEST_GLIBC:
        raise SetupError(f"LibTorch needs glibc {dotted(OLDEST_GLIBC)} or newer and this system has "
                         f"{library or 'another C library'} {version}".rstrip() + ".")


def check_tools() -> None:
    """Quick enough for every call."""
    check_platform()
    if not shutil.which("swift"):
        raise SetupError(f"Swift {dotted(OLDEST_SWIFT)} or newer is needed and there is no `swift` on the PATH: "
                         "install the Swift toolchain (www.swift.org/install).")
    shown = subprocess.run(["swift", "--version"], capture_output=True, text=True)
    found = re.search(r"Swift version (\d+(?:\.\d+)+)", shown.stdout + shown.stderr)
    if not found:
        reason = first_line(shown.stderr) or f"exit code {shown.returncode}"
        raise SetupError(f"`swift --version` does not run: {reason}.")
    if numbers(found[1]) < OLDEST_SWIFT:
        raise SetupError(f"Swift {dotted(OLDEST_SWIFT)} or newer is needed and {shutil.which('swift')} is Swift {found[1]}.")
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        raise SetupError("a C compiler is needed and there is none on the PATH: install gcc or clang "
                         "(build-essential on Debian and Ubuntu).")


def check_cplusplus(cache: Cache) -> None:
    """Swift's own clang compiles the C++ part, with the system's C++ headers; a compiler alone does not bring them."""
    compiler = next((path for name in ("clang++", "g++", "c++") if (path := shutil.which(name))), None)
    source = cache.temporary / "probe.cpp"
    source.write_text(CPLUSPLUS_PROBE)
    log = cache.logs / "cplusplus.log"
    if not compiler:
        raise SetupError("a C++ compiler is needed and there is none on the PATH: install g++ or clang.")
    if run_logged([compiler, "-std=c++20", "-fsyntax-only", str(source)], log)[0] != 0:
        raise SetupError("the C++ standard library's headers are missing: install g++ (or libstdc++'s development "
                         f"package); details in {log}.")


def first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
