"""The numbers of a committed run of 20 steps, which the Swift library repeats: both agree with the file to 1e-5."""

from pathlib import Path

import numpy as np
import parity
import pytest

NUMBERS = Path(__file__).with_name("parity.safetensors")


@pytest.mark.parametrize("run", parity.RUNS)
def test_twenty_steps_are_those_of_the_file(run):
    expected = parity.read(str(NUMBERS))
    found = parity.train(expected, run)
    assert len(found) == len(parity.COMPARED) * sum(name.startswith("initial/") for name in expected)
    for name, value in found.items():
        distance = np.linalg.norm(value - expected[name]) / np.linalg.norm(expected[name])
        assert distance < 1e-5, (name, distance)
    moved = np.linalg.norm(found[f"{run}/19/7.weight"] - expected["initial/7.weight"])
    assert moved > 0.1 * np.linalg.norm(expected["initial/7.weight"])
