"""Copies and saved models, and what is left when the optimizer or the model goes."""

import copy
import gc
import io
import pickle
import subprocess
import sys
import weakref

import pytest
import torch
from models import assert_same, backward, parameters, small_model

import fop


def test_a_copied_or_saved_model_is_an_ordinary_one():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1)
    backward(model)
    clone = copy.deepcopy(model)
    again = pickle.loads(pickle.dumps(model))
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    for other in (clone, again, torch.load(file, weights_only=False)):
        assert_same(parameters(other), parameters(model))
        backward(other)
    optimizer.step()
    assert optimizer.stats["steps"] == 1


def test_a_saved_model_needs_no_fop(tmp_path):
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1)
    torch.save(model, tmp_path / "model.pt")
    code = ("import sys, torch; sys.modules['fop'] = None; "
            f"model = torch.load(r'{tmp_path / 'model.pt'}', weights_only=False); print(model(torch.ones(2, 6)).shape)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "[2, 3]" in done.stdout, done.stderr
    assert optimizer.stats["steps"] == 0


def test_hooks_go_with_the_optimizer():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1)
    engine = optimizer._engine
    number = engine.number
    backward(model)
    assert model[0]._forward_hooks
    gone = weakref.ref(optimizer)
    del optimizer, engine
    gc.collect()
    assert gone() is None
    assert not any(module._forward_hooks for module in model.modules())
    assert not any(parameter._backward_hooks for parameter in model.parameters())
    with pytest.raises(RuntimeError, match="there is no engine"):
        torch.ops.fop.counts(number)
    backward(model)


def test_the_model_goes_when_nobody_else_holds_it():
    model = small_model()
    gone = weakref.ref(model)
    optimizer = fop.FOP(model, lr=0.1)
    backward(model)
    del model
    gc.collect()
    assert gone() is None
    optimizer.step()


def test_a_hook_that_is_removed_while_its_layer_runs():
    """Garbage collection may take an optimizer away in the middle of a forward pass."""
    model = small_model()
    model[0].register_forward_hook(lambda *given: optimizer._capture.remove())
    optimizer = fop.FOP(model, lr=0.1)
    backward(model)
    assert len(model[0]._forward_hooks) == 1
