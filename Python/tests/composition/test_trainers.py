"""The loops of Lightning, Accelerate and the Hugging Face Trainer, each with the library as it comes from PyPI."""

import pytest
import torch
import torch.nn.functional as functional
from same import Network, data
from torch.utils.data import DataLoader, TensorDataset

import fop


def dataset(count=32):
    x, _ = data(0, count, torch.float32)
    return TensorDataset(x, x.flatten(2).mean(1)[:, :5].argmax(1))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [
    {}, {"gradient_clip_val": 0.5}, {"accumulate_grad_batches": 2}, {"precision": "bf16-mixed"}], ids=str)
def test_lightning(options, tmp_path):
    lightning = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = Network(torch.float32)
            self.losses = []

        def training_step(self, batch, index):
            loss = functional.cross_entropy(self.network(batch[0]), batch[1])
            self.losses.append(loss.item())
            return loss

        def configure_optimizers(self):
            self.optimizer = fop.FOP(self, lr=0.1)
            return {"optimizer": self.optimizer,
                    "lr_scheduler": torch.optim.lr_scheduler.StepLR(self.optimizer, step_size=5)}

    module = Module()
    trainer = lightning.Trainer(
        max_epochs=3, accelerator="cpu", devices=1, logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path, **options)
    trainer.fit(module, DataLoader(dataset(), batch_size=8))
    steps = 12 // options.get("accumulate_grad_batches", 1)
    assert module.optimizer.stats["steps"] == steps and module.optimizer.stats["skipped_steps"] == 0
    assert sum(module.losses[-4:]) < sum(module.losses[:4])
    # The checkpoint that the trainer saved holds the optimizer, and a new run goes on from it.
    saved = torch.load(trainer.checkpoint_callback.best_model_path, weights_only=True)
    assert len(saved["optimizer_states"]) == 1
    again = Module()
    lightning.Trainer(
        max_epochs=4, accelerator="cpu", devices=1, logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path, **options,
    ).fit(again, DataLoader(dataset(), batch_size=8), ckpt_path=trainer.checkpoint_callback.best_model_path)
    assert again.optimizer.stats["steps"] == steps * 4 // 3


@pytest.mark.parametrize("accumulation", [1, 2])
def test_accelerate(accumulation):
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=accumulation)
    model = Network(torch.float32)
    own = fop.FOP(model, lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(own, T_max=12)
    model, optimizer, loader, scheduler = accelerator.prepare(
        model, own, DataLoader(dataset(), batch_size=8), scheduler)
    losses = []
    for _ in range(3):
        for x, labels in loader:
            with accelerator.accumulate(model):
                loss = functional.cross_entropy(model(x), labels)
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
                losses.append(loss.item())
    assert own.stats["steps"] == 12 // accumulation
    assert sum(losses[-4:]) < sum(losses[:4])


@pytest.mark.filterwarnings("ignore")
def test_hugging_face_trainer(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=17, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=16, bos_token_id=0, eos_token_id=1)
    model = transformers.LlamaForCausalLM(config)
    optimizer = fop.FOP(model, lr=0.1, kfac_approx="reduce", fallback="adamw", fallback_lr=1e-2)
    tokens = torch.randint(17, (16, 9), generator=torch.Generator().manual_seed(1))
    examples = [{"input_ids": row, "labels": row} for row in tokens]
    trainer = transformers.Trainer(
        model=model, train_dataset=examples,
        args=transformers.TrainingArguments(
            output_dir=str(tmp_path), max_steps=8, per_device_train_batch_size=8, gradient_accumulation_steps=2,
            use_cpu=True, report_to=[], logging_steps=1, save_steps=8, disable_tqdm=True, max_grad_norm=1.0),
        optimizers=(optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)))
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 8 and losses[-1] < losses[0]
    assert optimizer.stats["steps"] == 8 and optimizer.stats["skipped_steps"] == 0
    methods = {row.parameter: row.method for row in optimizer.coverage().rows}
    assert methods["model.layers.0.self_attn.q_proj.weight"] == "Kronecker"
    saved = torch.load(tmp_path / "checkpoint-8" / "optimizer.pt", weights_only=True)
    optimizer.load_state_dict(saved)
