"""torch.compile before and after the optimizer is made: the same steps as without."""

import shutil

import pytest
import torch
import torch.nn.functional as functional
from same import Network, assert_same, data, train

import fop

# Of torch.compile itself, while it looks at what a module's hooks are given.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")

BACKENDS = ["eager", "aot_eager", pytest.param("inductor", marks=[
    pytest.mark.slow, pytest.mark.skipif(not shutil.which("g++"), reason="inductor needs a C++ compiler")])]
OPTIONS = {"lr": 0.1, "factor_interval": 2, "inverse_interval": 2, "damping": 0.05}


@pytest.fixture(autouse=True)
def nothing_compiled():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def train_with(model, optimizer):
    return train(model, optimizer=optimizer)


def assert_as_plain(model, optimizer, **tolerance):
    plain, reference = train(Network())
    assert optimizer.stats["steps"] == 4
    assert_same((getattr(model, "_orig_mod", model), optimizer), (plain, reference), **tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
def test_compiled_before(backend):
    model = torch.compile(Network(), backend=backend)
    assert_as_plain(*train(model))


@pytest.mark.parametrize("backend", BACKENDS)
def test_compiled_after(backend):
    network = Network()
    optimizer = fop.FOP(network, **OPTIONS)
    model = torch.compile(network, backend=backend)
    train(model, optimizer=optimizer)
    assert_as_plain(model, optimizer)


@pytest.mark.parametrize("given", ["compiled", "plain"])
def test_compiled_and_used_before(given):
    """Compiled code that was made without hooks must not be used any more."""
    network = Network()
    model = torch.compile(network, backend="aot_eager")
    x, labels = data(0)
    functional.cross_entropy(model(x), labels).backward()
    network.zero_grad()
    optimizer = fop.FOP(model if given == "compiled" else network, **OPTIONS)
    train(model, optimizer=optimizer)
    assert_as_plain(model, optimizer)


def test_compiled_in_place_and_in_parts():
    for compile_part in (lambda network: network.compile(backend="aot_eager"),
                         lambda network: network.body.compile(backend="aot_eager"),
                         lambda network: network.head.compile(backend="aot_eager")):
        network = Network()
        compile_part(network)
        assert_as_plain(*train(network))


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_layers_that_are_unfrozen_later(backend):
    """They get hooks, which code that was compiled before does not have."""
    results = []
    for compiled in (False, True):
        network = Network()
        network.body.requires_grad_(False)
        network.convolution.weight.requires_grad_(False)
        model = torch.compile(network, backend=backend) if compiled else network
        _, optimizer = train(model, steps=2)
        network.requires_grad_(True)
        train(model, optimizer=optimizer)
        assert optimizer.coverage().share("SGD") < 0.1
        results.append((network, optimizer))
    assert_same(*results)


def test_compiled_loss():
    network = Network()

    @torch.compile(backend="aot_eager")
    def loss(x, labels):
        return functional.cross_entropy(network(x), labels)

    assert_as_plain(*train(network, lambda model, optimizer, x, labels: loss(x, labels).backward()))


def test_names_in_the_state_are_those_of_the_plain_model():
    names = {row.parameter for row in fop.FOP(torch.compile(Network(), backend="eager"), lr=0.1).coverage().rows}
    assert names == {name for name, _ in Network().named_parameters()}


def test_a_whole_graph_is_refused():
    """fullgraph=True leaves no room for hooks: an error, not steps without curvature."""
    network = Network()
    model = torch.compile(network, backend="eager", fullgraph=True)
    optimizer = fop.FOP(model, **OPTIONS)
    with pytest.raises(torch._dynamo.exc.Unsupported, match="fop looks at"):
        train(model, optimizer=optimizer, steps=1)
