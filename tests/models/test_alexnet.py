"""AlexNet against its paper's shapes, and against torch with the same weights."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import networks
from jaxcnn.models.alexnet import AlexNet, OneTowerAlexNet
from jaxcnn.models.layers.initializers import Normal


def parameters(model, size: int):
    images = jax.ShapeDtypeStruct((2, size, size, 3), jnp.float32)
    return jax.eval_shape(lambda images: model.init(jax.random.key(0), images, train=False), images)["params"]


def count(tree) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


def test_layers_have_the_papers_kernels():
    """§3.5: 11×11×3, 5×5×48, 3×3×256, 3×3×192 and 3×3×192 kernels."""
    params = parameters(AlexNet(), 227)
    shapes = {name: layer["kernel"].shape for name, layer in params.items()}
    assert shapes == {
        "conv1": (11, 11, 3, 96),
        "conv2": (5, 5, 48, 256),
        "conv3": (3, 3, 256, 384),
        "conv4": (3, 3, 192, 384),
        "conv5": (3, 3, 192, 256),
        "fc6": (9216, 4096),
        "fc7": (4096, 4096),
        "fc8": (4096, 1000),
    }


@pytest.mark.parametrize(
    ("model", "size", "expected"),
    [
        (AlexNet(), 227, 60_965_224),  # Caffe's bvlc_alexnet
        (AlexNet(towers=1), 227, 62_378_344),
        (AlexNet(features=(48, 128, 192, 192, 256), towers=1), 227, 59_798_312),
        (AlexNet(pool_size=2), 227, 60_965_224),  # non-overlapping pooling ends at 6×6 too
        (OneTowerAlexNet(), 224, 61_100_840),  # torchvision's documentation
    ],
)
def test_parameters(model, size, expected):
    assert count(parameters(model, size)) == expected


def test_initialisation_is_section_5(compile_quickly):
    model = AlexNet(hidden_units=64, num_classes=10)
    key = jax.random.key(0)
    init = compile_quickly(lambda key: model.init(key, jnp.zeros((1, 67, 67, 3)), train=False), key)
    params = init(key)["params"]
    ones = {name for name, layer in params.items() if np.all(np.asarray(layer["bias"]) == 1)}
    zeros = {name for name, layer in params.items() if np.all(np.asarray(layer["bias"]) == 0)}
    assert ones == {"conv2", "conv4", "conv5", "fc6", "fc7"}
    assert zeros == {"conv1", "conv3", "fc8"}
    for layer in params.values():
        assert float(layer["kernel"].std()) == pytest.approx(0.01, rel=0.1)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="the independent implementation is in torch")


def test_two_towers_equal_torch(compare_with_torch):
    """Order conv–ReLU–LRN–pool, groups and all, each tower normalised by itself."""
    model = AlexNet(num_classes=10, hidden_units=32, dropout_rate=0.0, kernel_init=Normal(0.05))
    compare_with_torch(model, partial(networks.alexnet, hidden=32, classes=10), (227, 227, 3))


def test_caffenet_equals_torch(compare_logits_with_torch, torch):
    """Pools first, then normalises over all maps, with k = 1 and α / n: torch's normalisation, called as Caffe's is."""
    nn = torch.nn.functional
    model = AlexNet.as_in_caffe(pool_first=True, num_classes=10, hidden_units=32)
    assert (model.lrn_k, model.lrn_alpha, model.norm_across_towers) == (1.0, pytest.approx(1e-4 / 5), True)
    alpha = 1.0  # activities here are near 1, and at 1e-4 its convention would make no difference
    model = model.clone(lrn_alpha=alpha / 5)

    def pool_and_respond(x):
        return nn.local_response_norm(nn.max_pool2d(nn.relu(x), 3, 2), 5, alpha=alpha, beta=0.75, k=1.0)

    def forward(layers, x):
        x = pool_and_respond(layers.conv("conv1", x, 96, 11, 4))
        x = pool_and_respond(layers.conv("conv2", x, 256, 5, padding=2, groups=2))
        x = nn.relu(layers.conv("conv3", x, 384, 3, padding=1))
        x = nn.relu(layers.conv("conv4", x, 384, 3, padding=1, groups=2))
        x = nn.max_pool2d(nn.relu(layers.conv("conv5", x, 256, 3, padding=1, groups=2)), 3, 2)
        x = nn.relu(layers.linear("fc6", x, 32))
        x = nn.relu(layers.linear("fc7", x, 32))
        return layers.linear("fc8", x, 10)

    compare_logits_with_torch(model, forward, (227, 227, 3))


def test_one_tower_equals_torch(compare_with_torch, torch):
    nn = torch.nn.functional
    model = OneTowerAlexNet(num_classes=10, hidden_units=32, dropout_rate=0.0)

    def forward(layers, x):
        x = nn.max_pool2d(nn.relu(layers.conv("conv1", x, 64, 11, 4, 2)), 3, 2)
        x = nn.max_pool2d(nn.relu(layers.conv("conv2", x, 192, 5, 1, 2)), 3, 2)
        x = nn.relu(layers.conv("conv3", x, 384, 3, 1, 1))
        x = nn.relu(layers.conv("conv4", x, 256, 3, 1, 1))
        x = nn.max_pool2d(nn.relu(layers.conv("conv5", x, 256, 3, 1, 1)), 3, 2)
        x = nn.relu(layers.linear("fc6", x, 32))
        x = nn.relu(layers.linear("fc7", x, 32))
        return layers.linear("fc8", x, 10)

    compare_with_torch(model, forward, (224, 224, 3))


@pytest.mark.parametrize(
    "change",
    [
        {"use_lrn": False},
        {"lrn_k": 1.0},
        {"lrn_alpha": 2e-5},
        {"norm_across_towers": True},
        {"pool_size": 2},
        {"activation": jnp.tanh},
        {"pool_first": True},
    ],
)
def test_each_ablation_changes_the_function(compile_quickly, change):
    """A switch that did nothing would go unnoticed in a table of parameters."""
    plain = AlexNet(num_classes=4, hidden_units=8, features=(8, 8, 8, 8, 8), kernel_init=Normal(0.1))
    changed = plain.clone(**change)

    def both(key):
        images = 50 * jax.random.normal(key, (1, 99, 99, 3))  # small: 23, 11, 5 and 2 pixels
        variables = plain.init(key, images, train=False)
        return [model.apply(variables, images, train=False) for model in (plain, changed)]

    ours, theirs = compile_quickly(both, jax.random.key(0))(jax.random.key(0))
    assert not np.allclose(ours, theirs)
