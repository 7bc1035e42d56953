"""torchvision's ResNet-18, unmodified, on data in the binary format of CIFAR-10.

    python cifar_resnet.py --data cifar-10-batches-bin      # the folder that cifar-10-binary.tar.gz unpacks to
    python cifar_resnet.py                                  # no data at hand: a small set of coloured noise, made up

Needs torchvision.
"""
import argparse
from pathlib import Path

import torch
import torchvision
from torch import nn

import fop

RECORD = 1 + 3 * 32 * 32


def read_cifar(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Images, N x 3 x 32 x 32, and labels, N, of all `data_batch_*.bin` files: records of a label and the pixels."""
    files = sorted(folder.glob("data_batch_*.bin"))
    if not files:
        raise SystemExit(f"{folder} has no data_batch_*.bin: give the folder that cifar-10-binary.tar.gz unpacks to")
    data = b"".join(file.read_bytes() for file in files)
    if len(data) % RECORD:
        raise SystemExit(f"{folder}: {len(data)} bytes are no whole number of records of {RECORD} bytes")
    records = torch.frombuffer(bytearray(data), dtype=torch.uint8).reshape(-1, RECORD)
    return records[:, 1:].reshape(-1, 3, 32, 32).float() / 127.5 - 1, records[:, 0].long()


def made_up(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise around one colour pattern per class."""
    labels = torch.arange(count) % 10
    patterns = torch.randn(10, 3, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3)
    return patterns[labels] * 0.5 + torch.randn(count, 3, 32, 32), labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with data_batch_*.bin; without it, images are made up")
    parser.add_argument("--lr", type=float, default=0.1,
                        help="the largest step size of the OneCycleLR schedule (default: %(default)s)")
    parser.add_argument("--weight-decay", type=float, default=5e-4, help="decoupled, as AdamW's (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=128, help="examples per step (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=2, help="passes over the examples (default: %(default)s)")
    parser.add_argument("--examples", type=int, default=512,
                        help="how many to make up, or to take of the data (default: %(default)s; 50000 is all)")
    args = parser.parse_args()

    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images, labels = read_cifar(args.data) if args.data else made_up(args.examples)
    images, labels = images[:args.examples].to(device), labels[:args.examples].to(device)
    model = torchvision.models.resnet18(num_classes=10).to(device)
    optimizer = fop.FOP(model, lr=args.lr, weight_decay=args.weight_decay)  # instead of torch.optim.SGD
    steps = -(-len(images) // args.batch_size)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=args.lr, epochs=args.epochs, steps_per_epoch=steps, cycle_momentum=False)

    for epoch in range(args.epochs):
        right = 0
        for batch in torch.randperm(len(images), device=device).split(args.batch_size):
            scores = model(images[batch])
            loss = nn.functional.cross_entropy(scores, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            right += (scores.argmax(1) == labels[batch]).sum().item()
        print(f"epoch {epoch + 1}/{args.epochs}  loss {loss.item():.4f}  training accuracy "
              f"{100 * right / len(images):.1f} %", flush=True)
    print(optimizer.coverage())


if __name__ == "__main__":
    main()
