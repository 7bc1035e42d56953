"""One changed line trains ordinary models."""

import warnings

import pytest
import torch
import torch.nn.functional as functional
from torch import nn

import fop


def perceptron():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(inplace=True), nn.Linear(32, 4))


class Residual(nn.Module):
    """In-place activations and residual additions."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding="same", bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        y += x
        return functional.relu_(y)


def convolutional():
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), Residual(8), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                         nn.Linear(32, 4))


def transformer():
    layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Linear(8, 16)
            self.position = nn.Parameter(torch.zeros(8, 16))
            self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
            self.head = nn.Linear(16, 4)

        def forward(self, x):
            return self.head(self.encoder(self.embed(x.squeeze(1)) + self.position).mean(1))

    return Model()


def batches(count, examples=64, seed=0):
    """Four classes by where the bright quarter is."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        labels = torch.randint(0, 4, (examples,), generator=generator)
        x = torch.randn(examples, 1, 8, 8, generator=generator)
        for quarter in range(4):
            row, column = 4 * (quarter // 2), 4 * (quarter % 2)
            x[labels == quarter, :, row:row + 4, column:column + 4] += 1
        yield x, labels


def train(model, optimizer, steps=15):
    losses = []
    for x, labels in batches(steps):
        loss = functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("make", [perceptron, convolutional])
@pytest.mark.parametrize("optimizer", [fop.FOP, fop.KFAC])
def test_one_line_trains(make, optimizer):
    torch.manual_seed(0)
    model = make()
    before = [value.detach().clone() for value in model.parameters()]
    losses = train(model, optimizer(model, lr=0.1))
    assert losses[-1] < 0.3 * losses[0], losses
    assert all(not torch.equal(value, old) for value, old in zip(model.parameters(), before))


def test_layers_that_hooks_do_not_see_are_trained_all_the_same():
    torch.manual_seed(0)
    model = transformer()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    optimizer = fop.FOP(model, lr=0.02)
    with pytest.warns(UserWarning, match="encoder.layers.0.self_attn.out_proj") as caught:
        losses = train(model, optimizer, steps=25)
    assert len(caught) == 1
    assert losses[-1] < 0.8 * losses[0], losses
    for name, value in model.named_parameters():
        assert not torch.equal(value, before[name]), name


def test_the_first_step_is_the_fallbacks_where_no_layer_is_known():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(64))

        def forward(self, x):
            return (x.flatten(1) * self.scale)[:, :4]

    model, other = Scale(), Scale()
    optimizers = [fop.FOP(model, lr=0.1, momentum=0.9), torch.optim.SGD(other.parameters(), lr=0.1, momentum=0.9)]
    for one, optimizer in zip((model, other), optimizers):
        train(one, optimizer, steps=4)
    torch.testing.assert_close(model.scale, other.scale)


def test_adamw_is_the_fallback_where_asked_for():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (16, 4)), nn.Conv1d(16, 28, 4, padding_mode="reflect"), nn.Flatten(),
                          nn.Linear(28, 4))
    for parameter in model[4].parameters():
        parameter.requires_grad_(False)
    other = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (16, 4)), nn.Conv1d(16, 28, 4, padding_mode="reflect"), nn.Flatten(),
                          nn.Linear(28, 4))
    other.load_state_dict(model.state_dict())
    optimizer = fop.FOP(model, lr=0.5, fallback="adamw", fallback_lr=0.01, weight_decay=0.1)
    train(model, optimizer, steps=5)
    train(other, torch.optim.AdamW(other[2].parameters(), lr=0.01, weight_decay=0.1), steps=5)
    torch.testing.assert_close(model[2].weight, other[2].weight)
    assert {row.method for row in optimizer.coverage().rows} == {"AdamW", "frozen"}


def test_no_warnings_in_an_ordinary_loop():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = convolutional()
        train(model, fop.FOP(model, lr=0.1), steps=3)
