"""What the installed package says and holds, and the sentences of machines that it does not run on."""

import importlib.metadata
import inspect
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import fop
from fop import _library


def test_the_version_is_the_distributions():
    try:
        version = importlib.metadata.version("fop-optimizer")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("imported from the source tree, not from a wheel")
    assert version == fop.__version__
    assert "torch>=2.10" in importlib.metadata.requires("fop-optimizer")


def test_the_package_is_typed_and_documented():
    assert Path(fop.__file__).with_name("py.typed").exists()
    for name in fop.__all__:
        if not name.startswith("__"):
            assert inspect.getdoc(getattr(fop, name)), name
    for name, member in vars(fop.FOP).items():
        if callable(member) and not name.startswith("_"):
            assert inspect.getdoc(member), name
            hints = inspect.signature(member).parameters.values()
            assert all(hint.annotation is not inspect.Parameter.empty for hint in hints if hint.name != "self"), name


def test_importing_brings_torch_and_little_else():
    code = ("import sys, torch; before = set(sys.modules); import fop; "
            "print(*{name.partition('.')[0] for name in set(sys.modules) - before})")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"fop", "torch", "platform", "subprocess"}


def test_an_old_torch_is_one_sentence(monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.9.1+cu128")
    with pytest.raises(fop.UnsupportedPlatformError) as caught:
        _library.require_platform()
    assert str(caught.value) == ("fop needs torch 2.10 or newer and this is 2.9.1+cu128: pip install --upgrade torch.")


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "aarch64"), ("Windows", "AMD64")])
def test_another_machine_is_one_sentence(monkeypatch, system, machine):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(ImportError, match=f"^fop runs on Linux x86_64 and this machine is {system} {machine}.$"):
        _library.require_platform()


@pytest.mark.parametrize(("text", "numbers"), [
    ("2.10.0", (2, 10)), ("2.9.1+cu128", (2, 9)), ("2.15.0a0+git1234", (2, 15)), ("3.0", (3, 0)), ("x", (0, 0))])
def test_versions_are_read(text, numbers):
    assert _library.torch_version(text) == numbers


def test_operators_report_errors_as_torch_does():
    operators = _library.operators()
    with pytest.raises(RuntimeError, match="there is no engine 123456"):
        operators.gathered(123456)


def test_missing_library_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(_library, "LIBRARY", tmp_path / "none.so")
    _library.operators.cache_clear()
    try:
        with pytest.raises(fop.UnsupportedPlatformError, match="none.so cannot be loaded"):
            _library.operators()
    finally:
        monkeypatch.undo()
        _library.operators.cache_clear()
        _library.operators()
