"""Activation checkpointing, both kinds: the recomputed forward pass fires the hooks again, and must not count twice."""

import gc
import weakref

import pytest
import torch
import torch.nn.functional as functional
from same import Network, assert_same, train
from torch.utils.checkpoint import checkpoint, checkpoint_sequential


class Checkpointed(Network):
    """The same network with parts of it recomputed."""

    def __init__(self, parts, **options):
        super().__init__()
        self.parts, self.options = parts, options

    def run(self, part, function, *arguments):
        return checkpoint(function, *arguments, **self.options) if part in self.parts else function(*arguments)

    def whole(self, x):
        tokens = self.run("body", self.body, self.stem(x)).mean(1)
        return self.run("head", self.head, tokens) + self.offset

    def forward(self, x):
        # The reentrant kind has no gradients without an input that needs them.
        return self.run("whole", self.whole, x.clone().requires_grad_())


KINDS = pytest.mark.parametrize("options", [
    {"use_reentrant": True}, {"use_reentrant": False}, {"use_reentrant": False, "early_stop": False},
    {"use_reentrant": True, "preserve_rng_state": False}], ids=str)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")    # a reentrant one within another
@KINDS
@pytest.mark.parametrize("parts", [{"body"}, {"head"}, {"body", "head"}, {"whole"}, {"whole", "body"}], ids=str)
def test_same_as_without(options, parts):
    assert_same(train(Checkpointed(parts, **options)), train(Network()), rtol=1e-12, atol=1e-14)


@KINDS
def test_with_micro_batches(options):
    def backward(model, optimizer, x, labels):
        for part, target in zip(x.chunk(2), labels.chunk(2)):
            (functional.cross_entropy(model(part), target) / 2).backward()
    assert_same(train(Checkpointed({"body", "head"}, **options), backward), train(Network()), rtol=1e-9)


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_checkpoint_sequential(use_reentrant):
    class Sequential(Network):
        def forward(self, x):
            body = checkpoint_sequential(self.body, 2, self.stem(x.requires_grad_()), use_reentrant=use_reentrant)
            return self.head(body.mean(1)) + self.offset
    assert_same(train(Sequential()), train(Network()), rtol=1e-12, atol=1e-14)


def test_recomputed_inputs_are_not_kept():
    """What a checkpoint lets go of, the optimizer does not hold on to."""
    kept = []

    class Watching(Checkpointed):
        def run(self, part, function, *arguments):
            def watched(*inputs):
                hidden = self.body[:3](*inputs)
                kept.append(weakref.ref(hidden))
                return self.body[3:](hidden)
            return super().run(part, watched if part == "body" else function, *arguments)

    def backward(model, optimizer, x, labels):
        loss = functional.cross_entropy(model(x), labels)
        gc.collect()
        assert kept[-1]() is None, "an activation outlives its checkpoint"
        loss.backward()

    for use_reentrant in (True, False):
        model = Watching({"body"}, use_reentrant=use_reentrant)
        assert_same(train(model, backward), train(Network()), rtol=1e-12, atol=1e-14)


def test_inputs_are_offloaded_with_the_rest():
    """Saved-tensor hooks, as of save_on_cpu, also get what the optimizer saves."""
    def backward(model, optimizer, x, labels):
        with torch.autograd.graph.save_on_cpu():
            loss = functional.cross_entropy(model(x), labels)
        loss.backward()
    assert_same(train(Network(), backward), train(Network()), rtol=1e-12, atol=1e-14)


def test_monte_carlo_sees_through_one_kind_only():
    options = {"fisher": "mc", "steps": 2}
    _, optimizer = train(Checkpointed({"body", "head"}, use_reentrant=False), **options)
    assert optimizer.stats["steps"] == 2
    # torch's own sentence.
    with pytest.raises(RuntimeError, match="set use_reentrant=False"):
        train(Checkpointed({"body", "head"}, use_reentrant=True), **options)
