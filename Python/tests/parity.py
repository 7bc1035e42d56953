"""The runs that the Swift library repeats (Tests/FOPTests/WheelParityTests.swift).

    python parity.py FILE     writes the numbers anew (parity.safetensors), when the algorithm was changed on purpose
"""

import json
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as functional
from torch import nn

import fop

STEPS = 20
COMPARED = (0, 1, 9, 19)
OPTIONS = {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01, "factor_interval": 2, "inverse_interval": 3}
RUNS = {
    "one": {"options": {}, "micro_batches": 1},
    "staggered": {"options": {"stagger_curvature": True}, "micro_batches": 1},
    "accumulated": {"options": {"kfac_approx": "reduce", "metric": "damped"}, "micro_batches": 3},
}


def make_model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True),
        nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2, bias=False), nn.GroupNorm(4, 8), nn.ReLU(inplace=True),
        nn.Flatten(), nn.Linear(128, 16), nn.LayerNorm(16), nn.ReLU(inplace=True), nn.Linear(16, 4))


def make_inputs() -> dict[str, np.ndarray]:
    """Initial values and batches; their sizes are even and odd."""
    torch.manual_seed(0)
    inputs = {f"initial/{name}": value.detach().numpy() for name, value in make_model().named_parameters()}
    for step in range(STEPS):
        labels = torch.randint(0, 4, (24 + step % 2,))
        x = torch.randn(len(labels), 1, 8, 8) + 0.5 * labels[:, None, None, None]
        inputs |= {f"x/{step}": x.numpy(), f"labels/{step}": labels.numpy()}
    return inputs


def train(inputs: dict[str, np.ndarray], run: str) -> dict[str, np.ndarray]:
    """The parameters after the steps that are compared."""
    settings = RUNS[run]
    model = make_model()
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(torch.from_numpy(inputs[f"initial/{name}"].copy()))
    optimizer = fop.FOP(model, **OPTIONS, **settings["options"])
    found = {}
    for step in range(STEPS):
        x, labels = (torch.from_numpy(inputs[f"{key}/{step}"].copy()) for key in ("x", "labels"))
        parts = settings["micro_batches"]
        for part, answers in zip(x.tensor_split(parts), labels.tensor_split(parts)):
            loss = functional.cross_entropy(model(part), answers, reduction="sum") / len(labels)
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step in COMPARED:
            found |= {f"{run}/{step}/{name}": value.detach().numpy().copy()
                      for name, value in model.named_parameters()}
    return found


def read(path: str) -> dict[str, np.ndarray]:
    """A safetensors file."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    types = {"F32": np.float32, "I64": np.int64}
    return {
        name: np.frombuffer(data, types[entry["dtype"]], offset=8 + length + entry["data_offsets"][0],
                            count=int(np.prod(entry["shape"]))).reshape(entry["shape"])
        for name, entry in json.loads(data[8:8 + length]).items() if name != "__metadata__"}


def write(path: str, tensors: dict[str, np.ndarray]) -> None:
    header, parts, offset = {"__metadata__": {"torch": torch.__version__, "fop": fop.__version__}}, [], 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].dtype != np.int64, item[0])):
        parts.append(tensor.tobytes())
        kind = "I64" if tensor.dtype == np.int64 else "F32"
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [offset, offset + len(parts[-1])]}
        offset += len(parts[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


if __name__ == "__main__":
    torch.set_num_threads(1)
    start = make_inputs()
    write(sys.argv[1], start | {name: value for run in RUNS for name, value in train(start, run).items()})
