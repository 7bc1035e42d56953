"""A small GPT on characters, with nn.MultiheadAttention: FOP on the linear layers, AdamW on the rest.

    python gpt.py --text FILE          # any text; without it, the source of Python's argparse module

The feed-forward layers, the table of characters and the head get Kronecker factors, the norms 2 x 2 blocks; the table
of positions, which all examples share, and the attention's projections, which nn.MultiheadAttention keeps out of reach
of hooks, go to the fallback. A warning names the projections at the first step; the table at the end shows everything.
"""
import argparse
import inspect
from pathlib import Path

import torch
from torch import nn

import fop


class Block(nn.Module):
    """Attention and a feed-forward network, each after a normalisation and beside a shortcut."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length = x.size(1)
        mask = torch.triu(torch.ones(length, length, dtype=torch.bool, device=x.device), diagonal=1)
        h = self.attention_norm(x)
        x = x + self.attention(h, h, h, attn_mask=mask, is_causal=True, need_weights=False)[0]
        return x + self.contract(nn.functional.gelu(self.expand(self.norm(x))))


class GPT(nn.Module):
    """Scores of the next character for each position: N x T -> N x T x vocabulary."""

    def __init__(self, vocabulary: int, context: int, width: int = 64, heads: int = 4, depth: int = 2):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.token(tokens) + self.position(torch.arange(tokens.size(1), device=tokens.device))
        return self.head(self.norm(self.blocks(x)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path,
                        help="a text file to learn (default: the source of Python's argparse)")
    parser.add_argument("--lr", type=float, default=0.03,
                        help="FOP's step size after warm-up; AdamW's, for the rest, is a tenth (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=64, help="sequences per step (default: %(default)s)")
    parser.add_argument("--context", type=int, default=64, help="characters per sequence (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=200, help="steps to take (default: %(default)s)")
    args = parser.parse_args()

    torch.manual_seed(0)
    text = args.text.read_text() if args.text else inspect.getsource(argparse)
    alphabet = sorted(set(text))
    tokens = torch.tensor([alphabet.index(character) for character in text])
    model = GPT(len(alphabet), args.context)
    optimizer = fop.FOP(  # instead of torch.optim.AdamW
        model, lr=args.lr, kfac_approx="reduce", fallback="adamw", fallback_lr=0.1 * args.lr)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=max(1, args.steps // 10))

    for step in range(args.steps):
        starts = torch.randint(len(tokens) - args.context - 1, (args.batch_size, 1))
        window = tokens[starts + torch.arange(args.context + 1)]
        scores = model(window[:, :-1])
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), window[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        warmup.step()
        if (step + 1) % max(1, args.steps // 10) == 0:
            print(f"step {step + 1}/{args.steps}  loss {loss.item():.4f}", flush=True)
    print(optimizer.coverage())


if __name__ == "__main__":
    main()
