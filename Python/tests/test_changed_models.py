"""Models that change after the optimizer was made, and what else may be done with a model that it observes."""

import pickle
import warnings

import pytest
import torch
import torch.nn.functional as functional
from models import PLAIN, backward, data, parameters, small_model
from torch import nn

import fop


def train(model, optimizer, steps, dtype=torch.float32):
    losses = []
    for _ in range(steps):
        x, labels = data()
        loss = functional.cross_entropy(model(x.to(dtype)), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("options", [{}, {"fisher": "mc"}, {"fallback": "adamw", "max_factor_dim": 7}],
                         ids=["empirical", "mc", "adamw"])
def test_a_type_that_changes_takes_the_state_along(options):
    model, twin = small_model(), small_model()
    optimizer, other = fop.FOP(model, lr=0.05, **options), fop.FOP(twin, lr=0.05, **options)
    for one, stepping in ((model, optimizer), (twin, other)):
        torch.manual_seed(1)
        train(one, stepping, 3)
    model.double()
    # Seven steps in all: the next factors are due at the sixth, from draws that differ between the types.
    steps = 2 if "fisher" in options else 4
    assert train(model, optimizer, steps, torch.float64) == pytest.approx(train(twin, other, steps), rel=1e-4)
    saved = optimizer.state_dict()
    assert all(tensor.dtype == torch.float64 for name, tensor in saved["curvature"].items() if "factor" in name)
    assert all(tensor.dtype == torch.float64 for buffers in saved["state"].values()
               for key, tensor in buffers.items() if key != "step")
    assert optimizer.stats == other.stats


def test_half_precision_in_the_middle_of_a_run():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.05)
    train(model, optimizer, 3)
    losses = train(model.bfloat16(), optimizer, 6, torch.bfloat16)
    assert losses[-1] < losses[0] and optimizer.stats["steps"] == 9


def test_new_parameters_are_named_once():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.05)
    train(model, optimizer, 1)
    model[3] = nn.Linear(8, 3)
    before = parameters(model)
    with pytest.warns(UserWarning, match="3.weight, 3.bias came into the model after") as caught:
        train(model, optimizer, 2)
    assert len(caught) == 1 and caught[0].filename == __file__
    moved = [not torch.equal(old, new) for old, new in zip(before, model.parameters())]
    assert moved == [True] * 4 + [False] * 2
    optimizer.add_param_group({"params": model[3].parameters()})
    before = parameters(model)
    train(model, optimizer, 1)
    assert not any(torch.equal(old, new) for old, new in zip(before, model.parameters()))


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_scripted_modules_are_the_fallbacks_and_said_to_be():
    model = torch.jit.script(small_model())
    with pytest.warns(UserWarning, match="scripted modules cannot be observed"):
        optimizer = fop.FOP(model, lr=0.05)
    losses = train(model, optimizer, 4)
    assert losses[-1] < losses[0] and optimizer.coverage().share("SGD") == pytest.approx(1)


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_models_are_exported_and_traced_while_they_are_observed():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.05)
    train(model, optimizer, 1)
    x, _ = data()
    exported, traced = torch.export.export(model, (x,)).module(), torch.jit.trace(model, (x,))
    train(model, optimizer, 1)
    assert optimizer.stats["steps"] == 2
    for form in (exported, traced):
        form.load_state_dict(model.state_dict())
        torch.testing.assert_close(form(x), model(x))


def test_replicas_of_data_parallel_are_refused():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.05)
    replica = model[0]._replicate_for_data_parallel()
    replica.weight, replica.bias = model[0].weight * 1, model[0].bias * 1
    with pytest.raises(RuntimeError, match="use DistributedDataParallel"):
        replica(data()[0])
    train(model, optimizer, 1)


def test_other_processes_get_parameters_without_a_warning():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for parameter in model.parameters():
            torch.utils.hooks.warn_if_has_hooks(parameter)
        pickle.dumps(model)
    backward(model)
    optimizer.step()
    assert optimizer.stats["steps"] == 1


class Experts(nn.Module):
    """Sends each token to one of two layers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.experts = nn.ModuleList([nn.Linear(6, 3), nn.Linear(6, 3)])

    def forward(self, x, goes_first):
        outputs = torch.zeros(len(x), 3)
        for expert, mask in zip(self.experts, (goes_first, ~goes_first)):
            outputs = outputs.index_put((mask,), expert(x[mask]))
        return outputs


def test_an_expert_without_tokens_stays_and_is_observed_later():
    model = Experts()
    optimizer = fop.FOP(model, lr=0.05, **PLAIN)
    x, labels = data()
    idle = model.experts[1].weight.detach().clone()
    functional.cross_entropy(model(x, torch.ones(16, dtype=torch.bool)), labels).backward()
    optimizer.step()
    optimizer.zero_grad()
    assert torch.equal(model.experts[1].weight, idle)
    functional.cross_entropy(model(x, torch.arange(16) % 2 == 0), labels).backward()
    optimizer.step()
    assert not torch.equal(model.experts[1].weight, idle)
    assert set(optimizer.state_dict()["curvature"]) >= {"experts.0.input_factor", "experts.1.input_factor"}


def test_an_empty_batch_changes_nothing():
    model = small_model()
    optimizer = fop.FOP(model, lr=0.05, momentum=0.0)
    before = parameters(model)
    for _ in range(2):
        x, labels = data(examples=0)
        functional.cross_entropy(model(x), labels, reduction="sum").backward()
        optimizer.step()
        optimizer.zero_grad()
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters()))
    assert optimizer.stats["steps"] == 0
    losses = train(model, optimizer, 3)
    assert losses[-1] < losses[0]
