"""Closures, zeroed gradients, passes that train nothing, and steps that are not finite."""

import copy
import threading

import pytest
import torch
import torch.nn.functional as functional
from models import assert_same, backward, data, parameters, small_model

import fop


def test_a_closure_is_called_once_with_gradients_and_its_loss_returned():
    model, twin = small_model(), small_model()
    calls = []

    def closure():
        calls.append(torch.is_grad_enabled())
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(data()[0]), data()[1])
        loss.backward()
        return loss

    optimizer, other = fop.FOP(model, lr=0.1), fop.FOP(twin, lr=0.1)
    loss = optimizer.step(closure)
    expected = backward(twin)
    other.step()
    assert calls == [True] and loss.item() == expected
    assert_same(parameters(model), parameters(twin))


def test_a_step_without_gradients_does_nothing():
    model = small_model()
    before = parameters(model)
    optimizer = fop.FOP(model, lr=0.1)
    optimizer.step()
    assert_same(parameters(model), before)
    assert optimizer.stats["steps"] == 0


@pytest.mark.parametrize("zero", [
    lambda model, optimizer: optimizer.zero_grad(),
    lambda model, optimizer: optimizer.zero_grad(set_to_none=False),
    lambda model, optimizer: model.zero_grad(),
    lambda model, optimizer: model.zero_grad(set_to_none=False),
    lambda model, optimizer: [setattr(parameter, "grad", None) for parameter in model.parameters()],
], ids=["optimizer", "optimizer-zeros", "model", "model-zeros", "by-hand"])
def test_zeroed_gradients_leave_no_trace(zero):
    model, twin = small_model(), small_model()
    optimizer, other = fop.FOP(model, lr=0.1), fop.FOP(twin, lr=0.1)
    for step in range(2):
        backward(model, seed=77, examples=5, weight=100.0)
        zero(model, optimizer)
        for one, stepping in ((model, optimizer), (twin, other)):
            backward(one, step)
            stepping.step()
            stepping.zero_grad()
    assert_same(parameters(model), parameters(twin))


def test_gradients_zeroed_before_the_step_take_no_step():
    model = small_model()
    before = parameters(model)
    optimizer = fop.FOP(model, lr=0.1)
    backward(model)
    model.zero_grad()
    optimizer.step()
    backward(model)
    model.zero_grad(set_to_none=False)
    optimizer.step()
    assert_same(parameters(model), before)


def test_passes_that_train_nothing_are_not_gathered():
    """Evaluation, gradients that are returned, those of each example by torch.func."""
    model, twin = small_model(), small_model()
    optimizer, other = fop.FOP(model, lr=0.1), fop.FOP(twin, lr=0.1)
    for step in range(2):
        with torch.no_grad():
            model(data()[0])
        x = data(seed=9)[0].requires_grad_()
        torch.autograd.grad(model(x).square().sum(), x)
        model(x).sum()
        torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
        weights = {name: value.detach() for name, value in model.named_parameters()}

        def example_loss(weights, example):
            return torch.func.functional_call(model, weights, (example,)).square().sum()

        torch.func.vmap(torch.func.grad(example_loss), (None, 0))(weights, x.detach())
        torch.func.jacrev(model)(x.detach())
        for one, stepping in ((model, optimizer), (twin, other)):
            backward(one, step)
            stepping.step()
            stepping.zero_grad()
    assert_same(parameters(model), parameters(twin))


def test_nothing_changes_where_something_is_not_finite():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1)
    backward(model)
    optimizer.step()
    optimizer.zero_grad()
    saved = copy.deepcopy(optimizer.state_dict())
    before = parameters(model)
    backward(model, weight=float("inf"))
    optimizer.step()
    optimizer.zero_grad()
    assert_same(parameters(model), before)
    assert optimizer.stats["skipped_steps"] == 1 and optimizer.stats["steps"] == 1
    after = optimizer.state_dict()
    for key, tensor in saved["curvature"].items():
        assert torch.equal(after["curvature"][key], tensor), key
    for name, buffers in saved["state"].items():
        assert torch.equal(after["state"][name]["momentum_buffer"], buffers["momentum_buffer"])
    backward(model)
    optimizer.step()
    assert optimizer.stats["steps"] == 2


@pytest.mark.parametrize("make", [fop.FOP, fop.KFAC])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_second_step_along_the_same_gradients_is_kfacs(make, reduction):
    model = small_model().double()
    optimizer = make(model, lr=0.1, momentum=0.0, kl_clip=None, loss_reduction=reduction)
    x, labels = data()
    functional.cross_entropy(model(x.double()), labels, reduction=reduction).backward()
    optimizer.step()
    state = optimizer.state_dict()["curvature"]
    layer = model[3]
    gradient = torch.cat([layer.weight.grad, layer.bias.grad[:, None]], 1) / (1 if reduction == "mean" else 16)
    expected = state["3.output_inverse"] @ gradient @ state["3.input_inverse"]
    for _ in range(2):
        before = torch.cat([layer.weight, layer.bias[:, None]], 1).detach()
        optimizer.step()
        moved = before - torch.cat([layer.weight, layer.bias[:, None]], 1).detach()
        torch.testing.assert_close(moved, 0.1 * expected, rtol=1e-9, atol=1e-12)
    after = optimizer.state_dict()["curvature"]
    assert all(torch.equal(after[key], state[key]) for key in state if key != "counters")
    assert optimizer.stats["steps"] == 3


def test_gradients_that_the_loop_sets_itself_are_preconditioned():
    model, twin = small_model(), small_model()
    optimizer, other = (fop.KFAC(one, lr=0.1, momentum=0.0, factor_interval=5, inverse_interval=5)
                        for one in (model, twin))
    for one, stepping in ((model, optimizer), (twin, other)):
        backward(one)
        stepping.step()
        stepping.zero_grad()
    x, labels = data(seed=1)
    gradients = torch.autograd.grad(functional.cross_entropy(model(x), labels), list(model.parameters()))
    for parameter, gradient in zip(model.parameters(), gradients):
        parameter.grad = gradient
    backward(twin, 1)
    optimizer.step()
    other.step()
    for one, reference in zip(parameters(model), parameters(twin)):
        torch.testing.assert_close(one, reference)


def test_backward_passes_of_several_threads_at_once_are_refused():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.1)
    inside, goes_on = threading.Event(), threading.Event()

    def wait(gradient):
        inside.set()
        assert goes_on.wait(20)

    def slow():
        x, labels = data()
        hidden = model[0](x)
        hidden.register_hook(wait)
        functional.cross_entropy(model[1:](hidden), labels).backward()

    thread = threading.Thread(target=slow)
    thread.start()
    assert inside.wait(20)
    with pytest.raises(RuntimeError, match="a backward pass through this model began before another one had ended"):
        backward(model)
    goes_on.set()
    thread.join()
    optimizer.zero_grad()
    backward(model)
    optimizer.step()
    assert optimizer.stats["steps"] == 1


def test_a_backward_pass_that_fails_leaves_the_next_one_free():
    model, twin = small_model(), small_model()
    optimizer, other = fop.FOP(model, lr=0.1), fop.FOP(twin, lr=0.1)

    def fail(gradient):
        raise KeyError("on purpose")

    x, labels = data()
    hidden = model[0](x)
    hidden.register_hook(fail)
    with pytest.raises(KeyError):
        functional.cross_entropy(model[1:](hidden), labels).backward()
    optimizer.zero_grad()
    for one, stepping in ((model, optimizer), (twin, other)):
        backward(one, 1)
        stepping.step()
    assert_same(parameters(model), parameters(twin))
