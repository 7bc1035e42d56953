"""Small GPTs: with nn.MultiheadAttention, whose projections no hook sees, and with scaled_dot_product_attention."""

import importlib.util

import torch
import torch.nn.functional as functional
from loops import train
from repository import REPOSITORY
from torch import nn


def example(name):
    spec = importlib.util.spec_from_file_location(
        f"example_{name}", REPOSITORY / "Examples" / "PyTorch" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.projection = nn.Linear(width, width)

    def forward(self, x):
        parts = self.queries_keys_values(x).unflatten(-1, (3, self.heads, -1)).transpose(1, 3).unbind(2)
        mixed = functional.scaled_dot_product_attention(*parts, is_causal=True)
        return self.projection(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attention = Attention(width, heads)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attention(self.norms[0](x))
        return x + self.contract(functional.gelu(self.expand(self.norms[1](x))))


class GPT(nn.Module):
    def __init__(self, vocabulary=17, context=8, width=16, heads=4, tied=False):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.zeros(context, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(2)))
        self.norm = nn.RMSNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        if tied:
            self.head.weight = self.token.weight

    def forward(self, tokens):
        return self.head(self.norm(self.blocks(self.token(tokens) + self.position[:tokens.size(1)])))


def text(count=16, context=8, vocabulary=17):
    torch.manual_seed(1)
    tokens = torch.randint(vocabulary, (count, context + 1))
    return tokens[:, :-1], tokens[:, 1:]


def test_multihead_attention():
    torch.manual_seed(0)
    model = example("gpt").GPT(17, 8, width=16, heads=4)
    optimizer = train(model, *text(), lr=0.1, steps=6, silent=2)
    methods = {row.parameter: row.method for row in optimizer.coverage().rows}
    assert methods["blocks.0.expand.weight"] == "Kronecker"
    assert methods["blocks.0.attention.out_proj.weight"] == "SGD"
    assert methods["token.weight"] == "Kronecker"


def test_scaled_dot_product_attention():
    torch.manual_seed(0)
    optimizer = train(GPT(), *text(), lr=0.1, steps=6)
    methods = {row.parameter: row.method for row in optimizer.coverage().rows}
    assert methods["blocks.1.attention.queries_keys_values.weight"] == "Kronecker"
    assert methods["norm.weight"] == "unit-wise"
    assert methods["position"] == "SGD"


def test_reduce_and_adamw():
    torch.manual_seed(0)
    train(GPT(), *text(), lr=0.1, steps=6, kfac_approx="reduce", fallback="adamw", fallback_lr=0.01)


def test_tied_weights_are_the_fallbacks():
    torch.manual_seed(0)
    optimizer = train(GPT(tied=True), *text(), lr=0.1, steps=6)
    methods = {row.parameter: row.method for row in optimizer.coverage().rows}
    assert methods["token.weight"] == "SGD"
