"""The command line of setup.py: which parts to set up, and how failures end."""
import argparse
import signal
import sys
from pathlib import Path

from . import fashion_mnist, libtorch, packages, prerequisites, venvs
from .cache import Cache, sentence_for
from .console import SetupError
from .pip_client import PinFile

PACKAGE = Path(__file__).resolve().parents[2]
# The oldest that the wheel claims to run on (Python/pyproject.toml).
OLDEST_TORCH = "2.10.0"
# Which its torch.compile imports without asking for it.
OLDEST_SETUPTOOLS = "84.2.1"


def run(arguments: list[str]) -> int:
    options = parse(arguments)
    cache = Cache(options.cache.absolute())
    # `kill` ends like Ctrl-C: what was begun is cleared away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for part in options.parts:
            PARTS[part](cache, options)
        return 0
    except SetupError as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return fail("interrupted; what is complete was kept, call again to go on.", code=130)
    except OSError as error:
        return fail(sentence_for(error, cache.root))


def fail(sentence: str, code: int = 1) -> int:
    print(f"setup: {sentence}", file=sys.stderr, flush=True)
    return code


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="setup.py", description="Fetches what the make targets need, once.")
    parser.add_argument("--cache", type=Path, default=PACKAGE / ".cache", help="where everything goes")
    parser.add_argument("--data", type=Path, help="Fashion-MNIST's IDX files are here already")
    parser.add_argument("--pins", type=Path, default=PACKAGE / "Scripts", help="the folder of the pin files")
    parser.add_argument("parts", nargs="+", choices=sorted(PARTS), metavar="PART", help=", ".join(sorted(PARTS)))
    return parser.parse_args(arguments)


def set_up_tools(cache: Cache, options: argparse.Namespace) -> None:
    prerequisites.check_tools()


def set_up_libtorch(cache: Cache, options: argparse.Namespace) -> None:
    prerequisites.check_platform()
    libtorch.ensure(cache, [PinFile.read(options.pins / "libtorch-requirements.txt")], cuda=False)


def set_up_libtorch_cuda(cache: Cache, options: argparse.Namespace) -> None:
    prerequisites.check_platform()
    names = ("libtorch-requirements.txt", "libtorch-cuda-requirements.txt")
    libtorch.ensure(cache, [PinFile.read(options.pins / name) for name in names], cuda=True)


def set_up_packages(cache: Cache, options: argparse.Namespace) -> None:
    packages.ensure(cache, PACKAGE)


def set_up_data(cache: Cache, options: argparse.Namespace) -> None:
    if options.data:
        fashion_mnist.check_folder(options.data)
    else:
        fashion_mnist.ensure(cache, options.pins / "fashion-mnist.sha256")


def set_up_test_venv(cache: Cache, options: argparse.Namespace) -> None:
    venvs.ensure(cache, cache.test_venv, PinFile.read(options.pins / "test-requirements.txt"), purpose="tests")


def set_up_reference_venv(cache: Cache, options: argparse.Namespace) -> None:
    torch = PinFile.read(options.pins / "libtorch-requirements.txt").version("torch")
    venvs.ensure(cache, cache.reference_venv, PinFile.read(options.pins / "reference-requirements.txt"),
                 purpose="fixtures", extra=[f"torch=={torch}"])


def set_up_figures_venv(cache: Cache, options: argparse.Namespace) -> None:
    venvs.ensure(cache, cache.figures_venv, PinFile.read(options.pins / "figures-requirements.txt"), purpose="figures")


def set_up_python_test_venv(cache: Cache, options: argparse.Namespace) -> None:
    torch = PinFile.read(options.pins / "libtorch-requirements.txt").version("torch")
    zoo = PinFile.read(options.pins / "python-zoo-requirements.txt")
    venvs.ensure(cache, cache.python_test_venv, PinFile.read(options.pins / "python-test-requirements.txt"),
                 purpose="the wheel's tests", extra=[f"torch=={torch}", *(pin.line for pin in zoo.pins)])


def set_up_oldest_python_test_venv(cache: Cache, options: argparse.Namespace) -> None:
    venvs.ensure(cache, cache.oldest_python_test_venv,
                 PinFile.read(options.pins / "python-test-requirements.txt"),
                 purpose=f"the wheel's tests with torch {OLDEST_TORCH}", extra=[f"torch=={OLDEST_TORCH}", f"setuptools=={OLDEST_SETUPTOOLS}"])


PARTS = {
    "tools": set_up_tools,
    "libtorch": set_up_libtorch,
    "libtorch-cuda": set_up_libtorch_cuda,
    "packages": set_up_packages,
    "data": set_up_data,
    "test-venv": set_up_test_venv,
    "reference-venv": set_up_reference_venv,
    "figures-venv": set_up_figures_venv,
    "python-test-venv": set_up_python_test_venv,
    "python-test-venv-oldest": set_up_oldest_python_test_venv,
}
