"""Options, tools and endings that the commands have in common."""
import argparse
import signal
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from . import machine
from .contenders import Tools
from .failure import BenchmarkError

ROOT = Path(__file__).resolve().parents[2]
SEED = 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 1 or more")
    return int(text)


def add_tool_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=positive, default=machine.available_cores(), help="threads of all contenders")
    parser.add_argument("--kfac-source", type=Path, help="folder of kfac-pytorch's source, which PyPI does not have")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache",
                        help="where LibTorch and Python environments are")
    parser.add_argument("--worker", type=Path, help="the built BenchmarkWorker",
                        default=ROOT / "Benchmarks" / ".build" / "release" / "BenchmarkWorker")


def repeating_command(target: str) -> str:
    """The make command that this run came from, without the folders of this machine."""
    parts = iter(sys.argv[1:])
    arguments = []
    for part in parts:
        option, _, value = part.partition("=")
        if option not in ("--cache", "--worker", "--kfac-source", "--output", "--data", "--document"):
            arguments.append(part)
        elif not value:
            next(parts, None)
    return f"make {target}" + (f' ARGS="{" ".join(arguments)}"' if arguments else "")


def find_tools(options: argparse.Namespace, scratch: Path) -> Tools:
    python = options.cache.absolute() / "reference-venv" / "bin" / "python"
    for path, target in ((options.worker, "make bench builds it"), (python, "make reference-venv makes it")):
        if not path.is_file():
            raise BenchmarkError(f"{path} is not there: {target}")
    if options.kfac_source and not (options.kfac_source / "kfac" / "preconditioner.py").is_file():
        raise BenchmarkError(f"--kfac-source {options.kfac_source}: kfac/preconditioner.py is not in it")
    scratch.mkdir(parents=True, exist_ok=True)
    return Tools(options.worker.absolute(), python, options.threads, unpack_wheel(scratch), options.kfac_source)


def unpack_wheel(scratch: Path) -> Path | None:
    """The newest wheel of dist/, in a folder that Python can import from; it is not installed anywhere."""
    wheels = sorted((ROOT / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    if not wheels:
        return None
    folder = scratch / wheels[-1].stem
    with zipfile.ZipFile(wheels[-1]) as archive:
        archive.extractall(folder)
    return folder


def exit_status(name: str, run: Callable[[], None], when_interrupted: str) -> int:
    """Runs a command. What it cannot do, and Ctrl-C, end it with one line.

    `when_interrupted` says what is there then.
    """
    # `kill` ends like Ctrl-C: workers are stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run()
        return 0
    except BenchmarkError as error:
        say(f"{name}: {error}")
        return 1
    except KeyboardInterrupt:
        say(f"{name}: interrupted; {when_interrupted}")
        return 130
