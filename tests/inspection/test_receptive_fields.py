"""A unit sees the pixels of its box, every edge of it, and no other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from opened_networks import opened, square

from jaxcnn.inspection.methods.measured_field import measured_box
from jaxcnn.inspection.network.boxes import Box
from jaxcnn.inspection.network.opened import OpenedNetwork
from jaxcnn.inspection.network.taps import apply_tapped

# A network and one of its layers: with odd sizes, strides that leave pixels over, padding, pools that round up, sums
# with shortcuts, and branches of different sizes in one map.
CASES = {
    "LeNet, subsampling": ("lenet5_1998", (), "S2"),
    "LeNet, C3": ("lenet5_1998", (), "C3"),
    "AlexNet, conv2": ("alexnet_2012", square(103, 104), "conv2"),
    "AlexNet, conv5": ("alexnet_2012", square(163, 163), "conv5"),
    "VGG, conv3_1": ("vgg_2014", square(43, 44), "conv3_1"),
    "NiN, pools that round up": ("nin_2013", square(23, 23), "cccp6"),
    "ResNet, a sum": ("resnet_2015", square(63, 64), "conv3_1"),
    "ResNet for CIFAR, shortcut A": ("resnet_cifar_2015", square(24, 24), "s2_1"),
    "Inception, joined": ("googlenet_2014", square(64, 64), "3a.output"),
    "Inception, 5x5": ("googlenet_2014", square(64, 64), "3a.5x5"),
}


def values_of(network: OpenedNetwork, layer: str):
    """A function from images to the values of a layer, compiled."""
    stage = network.graph.stage(layer)
    apply = jax.jit(lambda images: apply_tapped(network.model, network.variables, images, [stage])[1][0])
    return lambda images: np.asarray(apply(jnp.asarray(images)))


def units_of(shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Units at the corners, the edges and in the middle, of channels from all over the layer."""
    rows, columns, channels = shape
    corners = [(0, 0), (0, columns - 1), (rows - 1, columns - 1), (rows // 2, columns // 2), (rows // 2, 0)]
    return [(*place, channel) for place in corners for channel in (0, channels // 3, channels // 2, channels - 1)]


def strips(box: Box) -> dict[str, tuple[slice, slice]]:
    """The outermost rows and columns of a box."""
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    return {
        "top": (slice(box.top, box.top + 1), columns),
        "bottom": (slice(box.bottom - 1, box.bottom), columns),
        "left": (rows, slice(box.left, box.left + 1)),
        "right": (rows, slice(box.right - 1, box.right)),
    }


@pytest.mark.parametrize("case", CASES)
def test_a_unit_sees_its_box_and_no_other_pixel(case):
    title, settings, layer = CASES[case]
    network = opened(title, *settings)
    stage, apply = network.graph.stage(layer), values_of(network, layer)
    assert stage.shape == stage.fields.shape
    draw = np.random.default_rng(0)
    images = draw.normal(size=(8, *network.input_shape)).astype(np.float32)
    before, saw = apply(images), 0
    for row, column, channel in units_of(stage.shape):
        box = stage.fields.box(channel, row, column)
        inside = np.zeros(network.input_shape[:2], bool)
        inside[box.top : box.bottom, box.left : box.right] = True
        others = images + np.where(inside[..., None], 0, 100 * draw.normal(size=images.shape)).astype(np.float32)
        after, known = apply(others)[:, row, column, channel], before[:, row, column, channel]
        np.testing.assert_array_equal(after, known, str(box))
        for side, place in strips(box).items():
            changed = images.copy()
            changed[:, *place] += (100 * draw.normal(size=changed[:, *place].shape)).astype(np.float32)
            after = apply(changed)[:, row, column, channel]
            # A unit that is silent for all eight images, before and after, says nothing.
            if after.any() or before[:, row, column, channel].any():
                assert (after != before[:, row, column, channel]).any(), (side, box, (row, column, channel))
                saw += 1
    assert saw >= 32, "of 80: enough units respond"


def test_channels_of_an_inception_see_as_much_as_their_branch():
    fields = opened("googlenet_2014", *square(96, 96)).graph.stage("3a.output").fields
    sizes = [fields.box(channel, 6, 6) for channel in (0, 64, 192, 224)]
    widths = [box.right - box.left for box in sizes]
    assert widths == [27, 43, 59, 43]  # 1x1, 3x3, 5x5, pool: the neighbours of this map are 8 pixels apart


# Sizes of fields away from the border: the receptive fields of Dumoulin & Visin's arithmetic, from windows and strides.
SIZES = {
    "alexnet_2012": {"conv1": 11, "pool1": 19, "conv2": 51, "pool2": 67, "conv3": 99, "conv4": 131, "conv5": 163},
    "lenet5_1998": {"C1": 5, "S2": 6, "C3": 14, "S4": 16, "C5": 32},
    "vgg_2014": {"conv1_2": 5, "pool1": 6, "conv2_2": 14, "conv3_3": 40},
}


@pytest.mark.parametrize("title", SIZES)
def test_sizes_are_those_of_the_layer_table(title):
    settings = {"alexnet_2012": square(227, 227), "vgg_2014": square(96, 96), "lenet5_1998": ()}[title]
    graph = opened(title, *settings).graph
    for layer, size in SIZES[title].items():
        assert graph.stage(layer).fields.largest() == (size, size), layer


def test_stages_are_what_the_next_layer_takes():
    """After the ReLU; a block is named for its sum; batch normalisation isn't the end of a layer."""
    network = opened("resnet_cifar_2015")
    assert [stage.name for stage in network.trunk] == ["conv1", "s1_1", "s2_1", "s3_1", "gap"]
    images = jnp.asarray(np.random.default_rng(0).normal(size=(2, *network.input_shape)).astype(np.float32))
    _, maps = apply_tapped(network.model, network.variables, images, network.trunk)
    for stage, values in zip(network.trunk, maps, strict=True):
        assert values.shape[1:] == stage.shape
        assert np.asarray(values).min() >= 0, stage.name


@pytest.mark.parametrize(
    ("title", "last_maps", "last_hidden"),
    [
        ("lenet5_1998", "C3", "F6"),
        ("cnn_primer", "conv3_2", "fc2"),
        ("alexnet_2012", "conv5", "fc7"),
        ("nin_2013", "cccp6", "cccp5"),
        ("vgg_2014", "conv5_3", "fc7"),
        ("googlenet_2014", "5b", "avgpool"),
        ("resnet_2015", "conv5_1", "avgpool"),
        ("resnet_cifar_2015", "s3_1", "gap"),
    ],
)
def test_the_layers_that_are_looked_at(title, last_maps, last_hidden):
    network = opened(title)
    assert (network.last_maps.name, network.last_hidden.name) == (last_maps, last_hidden)
    assert network.last_maps.readers and network.last_hidden.readers


def test_the_measured_box_is_what_is_not_zero():
    derivative = np.zeros((9, 9, 2), np.float32)
    assert measured_box(derivative) is None
    derivative[2, 3, 1], derivative[6, 5, 0] = -1, 1
    assert measured_box(derivative, share=1) == Box(2, 3, 7, 6)
    derivative[0, 0, 0] = 1e-4
    assert measured_box(derivative) == Box(2, 3, 7, 6) and measured_box(derivative, share=1) == Box(0, 0, 7, 6)
