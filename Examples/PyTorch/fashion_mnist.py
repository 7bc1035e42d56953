"""A loop as in torch's own MNIST example, on Fashion-MNIST, with one line changed.

    python fashion_mnist.py --data .cache/data/fashion-mnist        # `make data` puts the files there
    python fashion_mnist.py --optimizer sgd --lr 0.1                # the line as it was
    python fashion_mnist.py --examples 8192 --epochs 1              # a short try
"""
import argparse
import gzip
from pathlib import Path

import torch
from torch import nn

import fop


def read_idx(folder: Path, name: str) -> torch.Tensor:
    """The numbers of an IDX file, as it comes or packed with gzip."""
    packed = folder / f"{name}.gz"
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / name).read_bytes()
    dimensions = data[3]
    sizes = [int.from_bytes(data[4 + 4 * d:8 + 4 * d], "big") for d in range(dimensions)]
    return torch.frombuffer(bytearray(data), dtype=torch.uint8, offset=4 + 4 * dimensions).reshape(sizes)


def read_split(folder: Path, prefix: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Images, N x 1 x 28 x 28, of mean 0 and variance 1, and labels, N."""
    images = read_idx(folder, f"{prefix}-images-idx3-ubyte").unsqueeze(1).float() / 255
    return (images - 0.2860) / 0.3530, read_idx(folder, f"{prefix}-labels-idx1-ubyte").long()


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, stride=2), nn.ReLU(inplace=True),
        nn.Conv2d(32, 64, 3, stride=2), nn.ReLU(inplace=True),
        nn.Flatten(), nn.Linear(64 * 6 * 6, 128), nn.ReLU(inplace=True), nn.Linear(128, 10))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(".cache/data/fashion-mnist"),
                        help="folder of the four IDX files, packed with gzip or not (default: %(default)s)")
    parser.add_argument("--optimizer", choices=["fop", "kfac", "sgd"], default="fop",
                        help="fop.FOP, fop.KFAC, or torch.optim.SGD with momentum 0.9 (default: %(default)s)")
    parser.add_argument("--lr", type=float, default=0.1,
                        help="the step size at the start of the cosine schedule (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=2048, help="examples per step (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=5, help="passes over the examples (default: %(default)s)")
    parser.add_argument("--examples", type=int, help="train on the first so many examples only (default: all)")
    args = parser.parse_args()

    torch.manual_seed(0)
    images, labels = (part[:args.examples] for part in read_split(args.data, "train"))
    test_images, test_labels = read_split(args.data, "t10k")
    model = network()
    if args.optimizer == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    else:
        optimizer = (fop.FOP if args.optimizer == "fop" else fop.KFAC)(model, lr=args.lr)  # the one line
    steps = args.epochs * -(-len(images) // args.batch_size)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)

    for epoch in range(args.epochs):
        model.train()
        for batch in torch.randperm(len(images)).split(args.batch_size):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            scheduler.step()
        model.eval()
        with torch.no_grad():
            correct = (model(test_images).argmax(1) == test_labels).float().mean().item()
        print(f"epoch {epoch + 1}/{args.epochs}  loss {loss.item():.4f}  test accuracy {100 * correct:.2f} %",
              flush=True)


if __name__ == "__main__":
    main()
