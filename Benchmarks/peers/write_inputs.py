#!/usr/bin/env python3
"""Writes initial weights and batches once, as safetensors that every contender loads.

    write_inputs.py FOLDER SEED MODEL:BATCH...
"""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from peers.networks import INPUT_SHAPES, NETWORKS  # noqa: E402


def main() -> None:
    folder, seed, cells = Path(sys.argv[1]), int(sys.argv[2]), [cell.split(":") for cell in sys.argv[3:]]
    folder.mkdir(parents=True, exist_ok=True)
    for model, batch in cells:
        torch.manual_seed(seed)
        if model in NETWORKS:
            save_file(NETWORKS[model]().state_dict(), folder / f"{model}.safetensors")
        shape = INPUT_SHAPES.get(model, (1, 28, 28))
        generator = torch.Generator().manual_seed(seed)
        images = torch.randn(int(batch), *shape, generator=generator)
        labels = torch.randint(0, 10, (int(batch),), generator=generator)
        save_file({"images": images, "labels": labels}, folder / f"{model}-{batch}.safetensors")


if __name__ == "__main__":
    main()
