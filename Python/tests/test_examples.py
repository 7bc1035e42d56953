"""The scripts in Examples/PyTorch run."""

import gzip
import os
import re
import runpy
import subprocess
import sys

import pytest
import torch
from repository import REPOSITORY

EXAMPLES = REPOSITORY / "Examples" / "PyTorch"
TIMEOUT = 120


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a script as `python NAME.py ARGUMENTS` does, in this process, and returns what it prints."""
    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out
    return run


def losses(text):
    return [float(number) for number in re.findall(r"loss (\d+\.\d+)", text)]


def write_idx(path, values):
    header = bytes([0, 0, 8, values.dim()]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(gzip.compress(header + values.numpy().tobytes()))


@pytest.mark.parametrize("optimizer", ["fop", "kfac", "sgd"])
def test_fashion_mnist(run, tmp_path, optimizer):
    torch.manual_seed(0)
    for prefix, count in (("train", 256), ("t10k", 64)):
        labels = torch.arange(count).remainder(10).byte()
        images = (labels.view(-1, 1, 1) * 20 + torch.randint(0, 40, (count, 28, 28))).byte()
        write_idx(tmp_path / f"{prefix}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"{prefix}-labels-idx1-ubyte.gz", labels)
    text = run("fashion_mnist.py", "--data", tmp_path, "--batch-size", 64, "--epochs", 2, "--optimizer", optimizer)
    # Two epochs of four steps: what they reach is not the point.
    assert len(losses(text)) == 2 and text.count("test accuracy") == 2


@pytest.mark.slow
def test_cifar_resnet(run, tmp_path):
    pytest.importorskip("torchvision")
    torch.manual_seed(0)
    records = torch.randint(0, 256, (20, 3073)).byte()
    records[:, 0] %= 10
    (tmp_path / "data_batch_1.bin").write_bytes(records.numpy().tobytes())
    text = run("cifar_resnet.py", "--data", tmp_path, "--batch-size", 10, "--epochs", 1)
    assert "epoch 1/1" in text and "Kronecker" in text
    with pytest.raises(SystemExit, match="has no data_batch"):
        run("cifar_resnet.py", "--data", tmp_path / "nothing")


@pytest.mark.filterwarnings("ignore:fop. nothing was seen")
def test_gpt(run):
    text = run("gpt.py", "--steps", 20, "--batch-size", 8, "--context", 16)
    assert len(losses(text)) == 10 and losses(text)[-1] < losses(text)[0]
    assert "AdamW" in text


def test_ddp():
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", EXAMPLES / "ddp.py",
         "--steps", "10", "--batch-size", "64"],
        capture_output=True, text=True, timeout=TIMEOUT, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert len(losses(done.stdout)) == 10 and losses(done.stdout)[-1] < losses(done.stdout)[0]


@pytest.mark.filterwarnings("ignore")
def test_lightning(run, tmp_path, monkeypatch):
    pytest.importorskip("lightning")
    monkeypatch.chdir(tmp_path)
    assert "loss after 1 epochs" in run("lightning_module.py", "--epochs", 1)


def test_the_table_of_examples_is_whole():
    listed = set(re.findall(r"^\| \[(\w+\.py)\]", (EXAMPLES / "README.md").read_text(), re.MULTILINE))
    assert listed == {path.name for path in EXAMPLES.glob("*.py")}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_help_teaches(run, capsys, name):
    for module in re.findall(r"Needs (\w+)", (EXAMPLES / name).read_text()):
        pytest.importorskip(module)
    with pytest.raises(SystemExit) as caught:
        run(name, "--help")
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert f"python {name}" in text or f"torchrun --nproc-per-node 2 {name}" in text
    options = re.split(r"\n  (?=--)", text)[1:]
    assert options
    for option in options:
        # What it is, and what it is without it.
        assert re.search(r"\s{2,}\w.*\w", option, re.DOTALL) and re.search("default|without", option), option
