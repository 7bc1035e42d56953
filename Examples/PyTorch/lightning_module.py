"""FOP in a Lightning module: `configure_optimizers` returns it, and that is all.

    python lightning_module.py

Needs lightning.
"""
import argparse

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import fop


class Classifier(lightning.LightningModule):
    """A perceptron that learns which of ten directions a point lies closest to."""

    def __init__(self, lr: float = 0.1):
        super().__init__()
        self.lr = lr
        self.network = nn.Sequential(nn.Linear(32, 64), nn.ReLU(inplace=True), nn.BatchNorm1d(64), nn.Linear(64, 10))

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        examples, labels = batch
        loss = nn.functional.cross_entropy(self.network(examples), labels)
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> dict:
        optimizer = fop.FOP(self, lr=self.lr)  # instead of torch.optim.SGD(self.parameters(), lr=self.lr)
        return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, step_size=2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3, help="passes over the 4096 examples (default: %(default)s)")
    parser.add_argument("--lr", type=float, default=0.1,
                        help="the step size; try 0.3 to 3 times that of SGD (default: %(default)s)")
    args = parser.parse_args()
    lightning.seed_everything(0, verbose=False)
    examples = torch.randn(4096, 32)
    data = TensorDataset(examples, (examples @ torch.randn(32, 10)).argmax(1))
    trainer = lightning.Trainer(
        max_epochs=args.epochs, accelerator="auto", gradient_clip_val=1.0, logger=False, enable_checkpointing=False)
    trainer.fit(Classifier(args.lr), DataLoader(data, batch_size=512, shuffle=True))
    print(f"loss after {args.epochs} epochs: {trainer.callback_metrics['loss'].item():.4f}")


if __name__ == "__main__":
    main()
