"""The smallest images that a network can be made for, against every size by itself and against its arithmetic."""

import dataclasses

import flax.linen as nn
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxcnn
from jaxcnn.errors import UsageError
from jaxcnn.models.alexnet import AlexNet, OneTowerAlexNet
from jaxcnn.models.layers.core import Conv, Layer
from jaxcnn.models.layers.pooling import AveragePool, MaxPool
from jaxcnn.models.lenet_variants import CaffeLeNet, ModernLeNet5
from jaxcnn.models.nin import NIN, ImageNetNIN
from jaxcnn.models.primer import PrimerCNN
from jaxcnn.models.resnet import ResNet
from jaxcnn.models.resnet_cifar import CifarResNet
from jaxcnn.models.vgg import VGG
from jaxcnn.runs.layer_table import layer_table
from jaxcnn.runs.resolve import check_network, failure, smallest_size

SMALL_ALEXNET = AlexNet(features=(8, 8, 8, 8, 8), hidden_units=8)


@pytest.mark.parametrize(
    ("model", "smallest"),
    [
        (CaffeLeNet(), 16),
        (ModernLeNet5(), 12),
        (PrimerCNN(), 8),
        (NIN(), 4),
        (ResNet(blocks=(1, 1), bottleneck=False), 1),
        (CifarResNet(n=1), 1),
        (VGG(blocks=((3,), (5, 1), (3,)), features=(4, 4, 4), hidden_units=8), 8),
    ],
)
def test_of_every_size_the_smallest_and_all_larger_ones_work(model, smallest):
    works = [failure(model, size, 3) is None for size in range(1, smallest + 6)]
    assert works == [False] * (smallest - 1) + [True] * 6
    assert smallest_size(model, 3) == smallest
    if smallest > 3:
        assert smallest_size(model, 3, above=smallest - 1) == smallest_size(model, 3, above=2) == smallest


@pytest.mark.parametrize(
    ("model", "smallest"),
    [
        (SMALL_ALEXNET, 67),
        (SMALL_ALEXNET.clone(pool_size=2), 39),
        (OneTowerAlexNet(hidden_units=8), 63),
        (ImageNetNIN(), 39),
    ],
)
def test_of_the_networks_for_large_images(model, smallest):
    assert smallest_size(model, 3, above=smallest // 2) == smallest
    assert failure(model, smallest - 1, 3) is not None


class Chain(nn.Module):
    """Layers, one after another."""

    layers: tuple[Layer, ...]

    @nn.compact
    def __call__(self, images, *, train: bool):
        del train
        for layer in self.layers:
            images = layer.copy()(images)
        return images.mean(axis=(1, 2))


SIZES = st.integers(1, 5)
LAYERS = st.one_of(
    st.builds(lambda size, strides, padding: Conv(2, size, strides, padding), SIZES, SIZES, st.integers(0, 2)),
    st.builds(lambda size, strides, padding: MaxPool(size, strides, min(padding, size - 1)), SIZES, SIZES, SIZES),
    st.builds(AveragePool, SIZES, SIZES),
)


def outputs(layer: Layer, size: int) -> int:
    """How many windows a layer has along a side."""
    window, padding = layer.window((1, size, size, 2)), getattr(layer, "padding", 0)
    return (size + 2 * padding - window.size) // window.stride + 1 if size + 2 * padding >= window.size else 0


@settings(max_examples=20)
@given(st.lists(LAYERS, min_size=1, max_size=3))
def test_of_any_chain_of_layers_it_is_the_arithmetic(layers):
    def works(size: int) -> bool:
        for layer in layers:
            size = outputs(layer, size) if size else 0
        return size > 0

    smallest = min(size for size in range(1, 300) if works(size))
    assert all(works(size) for size in range(smallest, 300))
    assert smallest_size(Chain(tuple(layers)), 2) == smallest


@pytest.mark.parametrize(
    ("title", "settings", "message"),
    [
        (
            "alexnet_2012",
            ("inputs.size=64", "inputs.stored_size=64"),
            "here: inputs.size (=64) is too small for the network (pool5: a 2×2 map is smaller than its 3×3 window); "
            "set it to 67 or more, and inputs.stored_size to 67 or more.",
        ),
        (
            "vgg_2014:A",
            ("inputs.size=28",),
            "here: inputs.size (=28) is too small for the network (pool5: a 1×1 map is smaller than its 2×2 window); "
            "set it to 32 or more.",
        ),
        (
            "lenet5_1998",
            ("inputs.size=28",),
            "here: LeNet5: images (1, 28, 28, 1) must be [batch, 32, 32, 1]; pad 28×28 images by 2.",
        ),
    ],
)
def test_the_message_says_the_smallest_that_works(title, settings, message):
    experiment = jaxcnn.override(jaxcnn.load(title), *settings)
    with pytest.raises(UsageError) as caught:
        check_network(experiment, "here")
    assert str(caught.value) == message


class Own(nn.Module):
    """A network that isn't ours: Flax's layers, which make empty maps without a word."""

    num_classes: int = 10
    kernel_init: nn.initializers.Initializer = nn.initializers.normal(0.01)

    @nn.compact
    def __call__(self, images, *, train: bool):
        del train
        x = nn.max_pool(nn.Conv(4, (5, 5), padding="VALID")(images), (2, 2), (2, 2))
        return nn.Dense(self.num_classes, kernel_init=self.kernel_init)(x.reshape(x.shape[0], -1))


@pytest.mark.parametrize("kernel_init", [nn.initializers.normal(0.01), nn.initializers.he_normal()])
def test_of_a_users_own_network_too(kernel_init):
    """Whether its initialiser divides by the number of inputs or not."""
    own = Own(kernel_init=kernel_init)
    assert smallest_size(own, 1) == 6
    experiment = dataclasses.replace(jaxcnn.load("cnn_primer"), model=own)
    check_network(experiment, "here")
    with pytest.raises(UsageError, match=r"^here: inputs\.size \(=5\) is too small .*; set it to 6 or more\.$"):
        check_network(jaxcnn.override(experiment, "inputs.size=5"), "here")


def test_variables_that_are_empty_are_named():
    error = failure(Own(), 5, 1)
    assert str(error) == "its params/Dense_0/kernel is empty, [0, 10]; the network needs larger images."


class Never(nn.Module):
    """A network that can't be made."""

    def __call__(self, images, *, train: bool):
        raise ValueError("it is\nwrong")


def test_what_no_size_mends_is_told_as_it_is():
    assert smallest_size(Never(), 1) is None
    experiment = dataclasses.replace(jaxcnn.load("cnn_primer"), model=Never())
    with pytest.raises(UsageError, match=r"^here: it is$"):
        check_network(experiment, "here")


def test_describe_alone_refuses_too():
    experiment = jaxcnn.override(jaxcnn.load("alexnet_2012"), "inputs.size=66")
    with pytest.raises(UsageError, match=r"^alexnet_2012:paper: inputs\.size \(=66\) is too small .* 67 or more\.$"):
        layer_table(experiment)
