"""A network, and the same again as a function that tells what passes through its layers."""

import numpy as np
import torch
import torch.nn.functional as functional
from torch import nn


class SmallNetwork(nn.Module):
    """A grouped convolution, two normalisations, linear layers with and without bias, all in float64."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.convolution = nn.Conv2d(2, 4, 3, stride=2, padding=1)
        self.batch_norm = nn.BatchNorm2d(4)
        self.grouped = nn.Conv2d(4, 4, (2, 1), groups=2, bias=False)
        self.layer_norm = nn.LayerNorm(4)
        self.tokens = nn.Linear(4, 3)
        self.head = nn.Linear(6, 3, bias=False)
        self.double()
        with torch.no_grad():
            for module in (self.batch_norm, self.layer_norm):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_()

    def forward(self, x):
        x = functional.relu(self.batch_norm(self.convolution(x)), inplace=True)
        x = self.grouped(x)                                       # N x 4 x 2 x 3
        x = torch.tanh(self.layer_norm(x.flatten(2).mT))          # N x 6 x 4
        x = torch.tanh(self.tokens(x).mean(1))                    # N x 3
        return self.head(torch.cat([x, x * x], 1))


def batch(examples, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(examples, 2, 6, 6, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 3, (examples,), generator=generator)


def passes(model, x, labels):
    """By layer: the input rows a (N x T x i, with the bias's 1; with groups a list) and the gradients g of each
    example's own loss (N x T x o); for normalisations each example's gradients (N x units x 2)."""
    p = {name: value.detach() for name, value in model.named_parameters()}
    n = len(x)
    conv_in = x
    conv = functional.conv2d(conv_in, p["convolution.weight"], p["convolution.bias"], stride=2, padding=1)
    conv.requires_grad_()
    mean, variance = conv.mean((0, 2, 3), keepdim=True), conv.var((0, 2, 3), unbiased=False, keepdim=True)
    conv_hat = (conv - mean) / torch.sqrt(variance + 1e-5)
    bn = conv_hat * p["batch_norm.weight"].view(1, 4, 1, 1) + p["batch_norm.bias"].view(1, 4, 1, 1)
    grouped_in = torch.relu(bn)
    grouped = functional.conv2d(grouped_in, p["grouped.weight"], groups=2)
    flat = grouped.flatten(2).mT
    flat_hat = (flat - flat.mean(-1, keepdim=True)) / torch.sqrt(flat.var(-1, unbiased=False, keepdim=True) + 1e-5)
    ln = flat_hat * p["layer_norm.weight"] + p["layer_norm.bias"]
    tokens_in = torch.tanh(ln)
    tokens = functional.linear(tokens_in, p["tokens.weight"], p["tokens.bias"])
    pooled = torch.tanh(tokens.mean(1))
    head_in = torch.cat([pooled, pooled * pooled], 1)
    head = functional.linear(head_in, p["head.weight"])
    outputs = [conv, bn, grouped, ln, tokens, head]
    loss = functional.cross_entropy(head, labels, reduction="sum")
    g_conv, g_bn, g_grouped, g_ln, g_tokens, g_head = torch.autograd.grad(loss, outputs)

    def rows(tensor):
        return tensor.detach().flatten(2).transpose(1, 2).numpy()

    def with_one(a):
        return np.concatenate([a, np.ones_like(a[..., :1])], -1)

    halves = grouped_in.detach().split(2, 1)
    return {
        "convolution": (with_one(rows(functional.unfold(conv_in, 3, padding=1, stride=2))), rows(g_conv)),
        "batch_norm": torch.stack([(g_bn * conv_hat).sum((2, 3)), g_bn.sum((2, 3))], -1).detach().numpy(),
        "grouped": [(rows(functional.unfold(part, (2, 1))), rows(g))
                    for part, g in zip(halves, g_grouped.split(2, 1))],
        "layer_norm": torch.stack([(g_ln * flat_hat).sum(1), g_ln.sum(1)], -1).detach().numpy(),
        "tokens": (with_one(tokens_in.detach().numpy()), g_tokens.numpy()),
        "head": (head_in.detach().numpy().reshape(n, 1, -1), g_head.numpy().reshape(n, 1, -1)),
    }
