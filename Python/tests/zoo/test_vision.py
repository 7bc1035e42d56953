"""torchvision's networks as they are, with random weights: in-place activations, residual additions, depthwise and
grouped convolutions, squeeze-and-excitation, attention, layer scale."""

import pytest
import torch
from loops import train

torchvision = pytest.importorskip("torchvision")


@pytest.fixture(autouse=True)
def two_threads(one_thread):
    """These are large enough for more than one."""
    torch.set_num_threads(2)


def images(count, size):
    torch.manual_seed(1)
    return torch.randn(count, 3, size, size), torch.arange(count) % 10


def vit_b_16(image_size):
    # torchvision's function of this name, for images of 224 pixels only, with the size as an argument.
    return torchvision.models.VisionTransformer(
        image_size=image_size, patch_size=16, num_layers=12, num_heads=12, hidden_dim=768, mlp_dim=3072, num_classes=10)


@pytest.mark.parametrize("name", [
    "mobilenet_v3_small",
    pytest.param("resnet18", marks=pytest.mark.slow),
    pytest.param("resnet50", marks=pytest.mark.slow),
    pytest.param("convnext_tiny", marks=pytest.mark.slow),
])
def test_torchvision(name):
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)(num_classes=10)
    optimizer = train(model, *images(8, 64), lr=0.03, steps=3)
    shares = {method: optimizer.coverage().share(method) for method in ("Kronecker", "unit-wise")}
    assert shares["Kronecker"] > 0.99 - shares["unit-wise"]


@pytest.mark.slow
def test_vision_transformer():
    torch.manual_seed(0)
    # Its attention calls torch's function with the weights of out_proj, not the module: 12 layers nobody sees.
    optimizer = train(vit_b_16(32), *images(8, 32), lr=0.03, steps=3, silent=12)
    methods = {row.parameter.rpartition("encoder_layer_0.")[2]: row.method for row in optimizer.coverage().rows}
    assert methods["mlp.0.weight"] == "Kronecker"
    assert methods["ln_1.weight"] == "unit-wise"
    assert methods["self_attention.in_proj_weight"] == "SGD"
    assert methods["self_attention.out_proj.weight"] == "SGD", "the table says what is done, not what was meant"
