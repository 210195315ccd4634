"""What networks and layers refuse to take: images that are too small, empty, whole numbers, or no images."""

import re
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.models.alexnet import AlexNet, OneTowerAlexNet
from jaxcnn.models.googlenet import AdaptiveAveragePool, Concatenate, GoogLeNet
from jaxcnn.models.kernels.backend import reference_kernels
from jaxcnn.models.layers.batch_norm import BatchNorm
from jaxcnn.models.layers.core import Conv, Dense
from jaxcnn.models.layers.initializers import HE_FAN_IN, Constant, Normal
from jaxcnn.models.layers.pooling import AveragePool, GlobalAveragePool, MaxPool, pool_padding
from jaxcnn.models.layers.rbf import EuclideanRBF
from jaxcnn.models.layers.shapes import SmallMapError
from jaxcnn.models.lenet import LeNet5
from jaxcnn.models.lenet_layers import FeatureMaps, FullyConnected, Subsampling
from jaxcnn.models.lenet_variants import CaffeLeNet, ModernLeNet5
from jaxcnn.models.nin import NIN, ImageNetNIN
from jaxcnn.models.primer import PrimerCNN
from jaxcnn.models.resnet import ResNet
from jaxcnn.models.resnet_cifar import CifarResNet
from jaxcnn.models.vgg import VGG, A, DenseOverMap

ALEXNET = AlexNet(features=(8, 8, 8, 8, 8), hidden_units=8)
VGG_A = VGG(blocks=A, features=(4, 4, 4, 4, 4), hidden_units=8)
RESNET = ResNet(blocks=(1, 1), bottleneck=False)
NETWORKS = [
    *(ALEXNET, OneTowerAlexNet(hidden_units=8), VGG_A, GoogLeNet(), LeNet5(), ModernLeNet5(), CaffeLeNet()),
    *(NIN(), ImageNetNIN(), PrimerCNN(), RESNET, CifarResNet(n=1)),
]
INITIALISERS = (Normal(0.01), HE_FAN_IN, Constant(0.0))  # which divide by the number of inputs, and which don't


def shapes_of(model: nn.Module, shape: tuple[int, ...], dtype=jnp.float32, **keywords):
    """The shapes of a network's variables; nothing is computed."""
    with reference_kernels():
        images = jax.ShapeDtypeStruct(shape, dtype)
        return jax.eval_shape(lambda x: model.init(jax.random.key(0), x, **keywords), images)


def message_of(call) -> str:
    with pytest.raises(ValueError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("kernel_init", INITIALISERS)
@pytest.mark.parametrize(
    ("model", "size", "reason"),
    [
        (ALEXNET, 64, "pool5: a 2×2 map is smaller than its 3×3 window; AlexNet needs larger images than 64×64."),
        (ALEXNET, 48, "pool5: a 1×1 map is smaller than its 3×3 window; AlexNet needs larger images than 48×48."),
        (ALEXNET, 10, "conv1: a 10×10 map is smaller than its 11×11 window; AlexNet needs larger images than 10×10."),
        (VGG_A, 31, "pool5: a 1×1 map is smaller than its 2×2 window; VGG needs larger images than 31×31."),
        (VGG_A, 1, "pool1: a 1×1 map is smaller than its 2×2 window; VGG needs larger images than 1×1."),
    ],
)
def test_small_images_are_refused_whatever_the_initialiser(model, size, reason, kernel_init):
    model = model.clone(kernel_init=kernel_init)
    assert message_of(lambda: shapes_of(model, (1, size, size, 3), train=False)) == reason


@pytest.mark.parametrize(
    ("model", "small", "layer"),
    [
        (ALEXNET, 66, "pool5"),
        (OneTowerAlexNet(hidden_units=8), 62, "pool5"),
        (VGG_A, 31, "pool5"),
        (GoogLeNet(), 78, "aux1.avgpool"),
        (ModernLeNet5(), 11, "S4"),
        (CaffeLeNet(), 15, "pool2"),
        (NIN(), 3, "pool2"),
        (ImageNetNIN(), 38, "pool3"),
        (PrimerCNN(), 7, "pool3"),
    ],
)
def test_the_largest_images_that_are_too_small(model, small, layer):
    name = type(model).__name__
    line = message_of(lambda: shapes_of(model, (1, small, small, 3), train=False))
    assert re.match(rf"{layer}: a (\d)×\1 map is smaller than its (\d)×\2 window; {name} needs larger images", line)
    for narrow in ((1, small, small + 9, 3), (1, small + 9, small, 3)):
        line = message_of(lambda shape=narrow: shapes_of(model, shape, train=False))
        assert line.startswith(f"{layer}: ") and line.endswith(f" than {narrow[1]}×{narrow[2]}.")
    variables = shapes_of(model, (1, small + 1, small + 10, 3), train=False)  # height and width may differ
    assert all(leaf.size for leaf in jax.tree.leaves(variables))


@pytest.mark.parametrize("model", NETWORKS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((32, 32, 3), "float32"),
        ((1, 1, 32, 32, 3), "float32"),
        ((0, 32, 32, 3), "float32"),
        ((1, 0, 32, 3), "float32"),
        ((1, 32, 32, 0), "float32"),
        ((1, 32, 32, 3), "uint8"),
        ((1, 32, 32, 3), "int32"),
        ((1, 32, 32, 3), "bool"),
    ],
)
def test_what_is_no_batch_of_images_is_refused(model, shape, dtype):
    """By each network, which says what it takes and what it got."""
    line = message_of(lambda: shapes_of(model, shape, dtype, train=False))
    expected = f"{type(model).__name__} takes images as float [batch, height, width, channels], none of them 0"
    assert line == f"{expected}; not {dtype} {list(shape)}."


def test_a_list_is_no_array():
    line = message_of(lambda: ALEXNET.init(jax.random.key(0), [[[[0.0]]]], train=False))
    assert line.endswith("none of them 0; not a list.")


def test_images_of_half_precision_are_taken():
    assert jax.tree.leaves(shapes_of(ALEXNET, (1, 67, 67, 3), jnp.bfloat16, train=False))


def test_a_network_for_one_size_says_which():
    assert "LeNet5: images (1, 28, 28, 1)" in message_of(lambda: shapes_of(LeNet5(), (1, 28, 28, 1), train=False))
    features = partial(LeNet5().apply, {}, jnp.zeros((0, 32, 32, 1)), method="features")
    assert "none of them 0; not float32 [0, 32, 32, 1]" in message_of(features)


@pytest.mark.parametrize(
    ("model", "changed", "size", "channels", "message"),
    [
        (ALEXNET, {}, 300, 3, "fc6: its kernel is 8×8 in the variables, where these images need 512×8: "),
        (ALEXNET, {}, 67, 1, "conv1: its kernel is 11×11×3×8 in the variables, where these images need 11×11×1×8: "),
        (ALEXNET, {"num_classes": 10}, 67, 3, "fc8: its kernel is 8×1000 in the variables, where "),
        (VGG_A.clone(batch_norm=True), {"features": (8, 4, 4, 4, 4)}, 32, 3, "conv1_1: its kernel is 3×3×3×4 in "),
        (LeNet5(), {}, 32, 1, None),
    ],
)
def test_variables_of_other_images_are_named(model, changed, size, channels, message):
    trained = {"LeNet5": (1, 32, 32, 1), "VGG": (1, 32, 32, 3)}.get(type(model).__name__, (1, 67, 67, 3))
    variables = shapes_of(model, trained, train=False)
    images = jax.ShapeDtypeStruct((2, size, size, channels), jnp.float32)

    def apply():
        return jax.eval_shape(partial(model.clone(**changed).apply, train=False), variables, images)

    if message is None:
        assert apply().shape == (2, 10)
    else:
        line = message_of(apply)
        assert line.startswith(message) and line.endswith(
            "the variables belong to images of another size, or to another network."
        )


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Conv(4, 5), (1, 4, 9, 3), "Conv: a 4×9 map is smaller than its 5×5 window; the network needs larger images."),
        (Conv(4, 5, padding=1), (1, 2, 2, 3), "Conv: a 2×2 map, 4×4 with its padding, is smaller than its 5×5 window"),
        (Conv(4, 3, padding=1), (1, 0, 0, 3), "Conv: its input (0×0×3) is empty; the network needs larger images."),
        (Conv(4, 1), (1, 8, 8, 0), "Conv: its input (8×8×0) is empty"),
        (Conv(4, 3), (8, 8, 3), "Conv takes a map [batch, height, width, channels], not one of shape [8, 8, 3]."),
        (MaxPool(3, 2), (1, 2, 2, 3), "MaxPool: a 2×2 map is smaller than its 3×3 window"),
        (MaxPool(3, 2, padding=1), (1, 0, 4, 3), "MaxPool: its input (0×4×3) is empty"),
        (
            MaxPool(3, 2, ceil=True),
            (1, 1, 4, 3),
            "MaxPool: a 1×4 map, 1×5 with its padding, is smaller than its 3×3 window",
        ),
        (MaxPool(3, 2), (2, 3), "MaxPool takes a map [batch, height, width, channels]"),
        (AveragePool(5, 3), (1, 4, 8, 3), "AveragePool: a 4×8 map is smaller than its 5×5 window"),
        (AveragePool(2, 2), (1, 1, 1, 3), "AveragePool: a 1×1 map is smaller than its 2×2 window"),
        (AdaptiveAveragePool(4), (1, 0, 3, 2), "AdaptiveAveragePool: its input (0×3×2) is empty"),
        (GlobalAveragePool(), (1, 0, 0, 2), "GlobalAveragePool: its input (0×0×2) is empty"),
        (DenseOverMap(4, size=2), (1, 2, 1, 3), "DenseOverMap: a 2×1 map is smaller than its 2×2 window"),
        (Dense(4), (2, 0), "Dense: its input (0) is empty"),
        (Dense(4), (2, 0, 0, 8), "Dense: its input (0×0×8) is empty"),
        (FeatureMaps(2, 0.5), (1, 4, 4, 1), "FeatureMaps: a 4×4 map is smaller than its 5×5 window"),
        (FeatureMaps(1, 0.5, table=((0, 3),)), (1, 5, 5, 3), "FeatureMaps: its table names map 3; there are 3."),
        (Subsampling(2, 0.5), (1, 1, 2, 2), "Subsampling: a 1×2 map is smaller than its 2×2 window"),
        (Subsampling(2, 0.5), (1, 4, 3, 2), "Subsampling takes 2 maps with even sides, not 4×3×2."),
        (Subsampling(2, 0.5), (1, 4, 4, 3), "Subsampling takes 2 maps with even sides, not 4×4×3."),
        (FullyConnected(2, 0.5), (1, 0, 1, 3), "FullyConnected: its input (0×1×3) is empty"),
        (
            EuclideanRBF(),
            (1, 83),
            "EuclideanRBF takes [batch, 84], a value for each pixel of a prototype; not [1, 83].",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked_signatures")
def test_a_layer_alone_refuses_what_leaves_it_nothing(layer, shape, message):
    assert message_of(lambda: shapes_of(layer, shape)).startswith(message)


def test_normalisation_has_something_to_normalise():
    assert "BatchNorm: its input (0×0×3)" in message_of(lambda: shapes_of(BatchNorm(), (1, 0, 0, 3), train=True))


@pytest.mark.usefixtures("unchecked_signatures")
def test_branches_have_one_size():
    branches = [jnp.zeros((1, 4, 4, 2)), jnp.zeros((1, 5, 5, 2))]
    assert "Concatenate takes maps of one size" in message_of(lambda: Concatenate().apply({}, *branches))


def test_the_error_of_a_users_own_network_names_the_layer():
    class Own(nn.Module):
        @nn.compact
        def __call__(self, images):
            return MaxPool(3, 2, name="last")(nn.Conv(4, (3, 3), padding="VALID")(images))

    with pytest.raises(SmallMapError) as caught:
        shapes_of(Own(), (1, 4, 4, 1))
    assert str(caught.value) == "last: a 2×2 map is smaller than its 3×3 window; the network needs larger images."
    assert caught.value.reason == "last: a 2×2 map is smaller than its 3×3 window"


def test_no_pooling_window_sees_padding_alone():
    """Of whatever size, stride and padding a layer takes, rounded up or down."""
    seen = 0
    for size, window, strides, padding, ceil in np.ndindex(9, 6, 6, 6, 2):
        size, window, strides = size + 1, window + 1, strides + 1
        if padding >= window:
            continue  # `MaxPool` refuses it
        before, after = pool_padding(size, window, strides, padding, bool(ceil))
        starts = range(-before, size + after - window + 1, strides)
        assert all(min(start + window, size) > max(start, 0) for start in starts)
        seen += len(starts)
    assert seen > 1000
    assert not np.isinf(MaxPool(3, 3, padding=2, ceil=True).apply({}, jnp.zeros((1, 4, 5, 1)))).any()
