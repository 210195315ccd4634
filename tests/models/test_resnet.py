"""The ImageNet ResNets against the paper's and torchvision's numbers, and against torch."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxcnn
from benchmarks import networks
from jaxcnn.models.resnet import ResNet, identity_with_zeros

IMAGE = (224, 224, 3)

# He et al. 2015, Table 1, counted by hand with shortcuts A, B and C; B is what torchvision has.
PARAMETERS = {
    18: {"A": 11_515_688, "B": 11_689_512, "C": 12_043_816, "none": 11_515_688},
    34: {"A": 21_623_848, "B": 21_797_672, "C": 22_716_840, "none": 21_623_848},
    50: {"A": 22_780_456, "B": 25_557_032, "C": 40_128_552},
    101: {"A": 41_772_584, "B": 44_549_160, "C": 76_981_288},
    152: {"A": 57_416_232, "B": 60_192_808, "C": 107_335_720},
}
PROJECTIONS = {
    18: {"A": 0, "B": 3, "C": 8},
    34: {"A": 0, "B": 3, "C": 16},  # §4.1: C has thirteen more
    50: {"A": 0, "B": 4, "C": 16},
    101: {"A": 0, "B": 4, "C": 33},
    152: {"A": 0, "B": 4, "C": 50},
}
# Table 1: 1.8, 3.6, 3.8, 7.6 and 11.3 billion; the second with the stride on the 3×3.
MACS = {
    18: (1_814_073_344, 1_814_073_344),
    34: (3_663_761_408, 3_663_761_408),
    50: (3_857_973_248, 4_089_184_256),
    101: (7_570_194_432, 7_801_405_440),
    152: (11_282_415_616, 11_513_626_624),
}


@pytest.mark.parametrize(
    ("depth", "shortcut"), [(depth, shortcut) for depth, nets in PARAMETERS.items() for shortcut in nets]
)
def test_parameters(layer_rows, depth, shortcut):
    rows = layer_rows(ResNet.of_depth(depth, shortcut=shortcut), IMAGE)
    assert sum(row.params for row in rows.values()) == PARAMETERS[depth][shortcut]
    projections = sum(name.endswith(".shortcut") for name in rows)
    assert projections == PROJECTIONS[depth].get(shortcut, 0)
    assert sum(row.kind in ("conv", "fc") for row in rows.values()) == depth + projections
    if shortcut == "B":
        assert sum(row.macs for row in rows.values()) == MACS[depth][0]


@pytest.mark.parametrize("depth", MACS)
def test_stride_on_the_3x3(layer_rows, depth):
    rows = layer_rows(ResNet.of_depth(depth, stride_on_3x3=True), IMAGE).values()
    assert sum(row.macs for row in rows) == MACS[depth][1]
    assert sum(row.params for row in rows) == PARAMETERS[depth]["B"]


def test_rows_of_18_layers(layer_rows):
    rows = layer_rows(ResNet.of_depth(18), IMAGE)
    assert list(rows)[:3] == ["conv1", "conv1.bn", "pool1"]
    assert rows["conv1"] == ("conv", (112, 112, 64), 9_408, 118_013_952)
    assert rows["conv1.bn"] == ("bn", (112, 112, 64), 128, 0)
    assert rows["pool1"] == ("maxpool", (56, 56, 64), 0, 0)
    assert rows["conv2_1.a"] == ("conv", (56, 56, 64), 36_864, 115_605_504)
    assert "conv2_1.shortcut" not in rows
    assert rows["conv3_1.a"] == ("conv", (28, 28, 128), 73_728, 57_802_752)
    assert rows["conv3_1.shortcut"] == ("conv", (28, 28, 128), 8_192, 6_422_528)
    assert rows["conv3_1.shortcut.bn"] == ("bn", (28, 28, 128), 256, 0)
    assert rows["conv5_2.b"] == ("conv", (7, 7, 512), 2_359_296, 115_605_504)
    assert rows["conv5_2.b.bn"] == ("bn", (7, 7, 512), 1_024, 0)
    assert rows["avgpool"] == ("gap", (512,), 0, 0)
    assert rows["fc"] == ("fc", (1000,), 513_000, 512_000)


def test_stages_of_50_layers(layer_rows):
    # Parameters (batch norm included) and multiply–accumulates of each stage, counted from Table 1.
    rows = layer_rows(ResNet.of_depth(50), IMAGE)

    def stage(number):
        chosen = [row for name, row in rows.items() if name.startswith(f"conv{number}")]
        return sum(row.params for row in chosen), sum(row.macs for row in chosen)

    assert stage(1) == (9_536, 118_013_952)
    assert stage(2) == (215_808, 667_942_912)
    assert stage(3) == (1_219_584, 950_534_144)
    assert stage(4) == (7_098_368, 1_387_266_048)
    assert stage(5) == (14_964_736, 732_168_192)
    assert rows["conv2_1.shortcut"].output == (56, 56, 256)
    assert rows["conv3_1.a"].output == (28, 28, 128)
    assert rows["conv5_3.c"].output == (7, 7, 2048)


def test_any_size_of_picture_will_do():
    model = ResNet.of_depth(18)
    images = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
    variables = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), images)
    for size in (256, 384, 480, 640):  # §3.4
        larger = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
        logits = jax.eval_shape(lambda v, x: model.apply(v, x, train=False), variables, larger)
        assert logits.shape == (1, 1000)


@pytest.mark.parametrize("pixels", [32, 42])  # pool1 sees an even and an odd side
@pytest.mark.parametrize("as_in_caffe", [False, True])
def test_windows_of_pool1(as_in_caffe, pixels):
    """Caffe's begin in the corner, and the last hang over the edge; torch's begin one pixel outside."""
    torch = pytest.importorskip("torch", reason="the independent implementation is in torch")
    model = ResNet(blocks=(1,), bottleneck=False, num_classes=2, pool1_ceil=as_in_caffe)
    images = jax.random.normal(jax.random.key(1), (2, pixels, pixels, 3))
    variables = model.init(jax.random.key(0), images, train=False)

    def watched(module, _):
        return module.name in ("conv1.bn", "pool1")

    _, state = model.apply(variables, images, train=False, capture_intermediates=watched)
    seen, pooled = (np.asarray(state["intermediates"][name]["__call__"][0]) for name in ("conv1.bn", "pool1"))
    maps = torch.from_numpy(seen.transpose(0, 3, 1, 2).copy()).relu()
    windows = {"ceil_mode": True} if as_in_caffe else {"padding": 1}
    expected = torch.nn.functional.max_pool2d(maps, 3, 2, **windows).permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(pooled, expected)


def test_option_a_takes_every_second_pixel_and_appends_zeros():
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype(np.float32)
    outputs = np.asarray(identity_with_zeros(jnp.asarray(x), 2, 6))
    assert outputs.shape == (2, 3, 2, 6)
    for row in range(3):
        for column in range(2):
            np.testing.assert_array_equal(outputs[:, row, column, :3], x[:, 2 * row, 2 * column])
    assert not outputs[..., 3:].any()


def test_other_depths_are_refused():
    with pytest.raises(ValueError, match=r"depth \(=20\) must be one of 18, 34, 50, 101, 152"):
        ResNet.of_depth(20)


TORCHVISION = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
torchvision = partial(networks.resnet, stride_on_3x3=True, classes=10)


def test_bottlenecks_equal_torch(compare_with_torch):
    """A projection, an identity and a stride, trained."""
    model = ResNet(blocks=(2, 1), num_classes=10, stride_on_3x3=True)
    compare_with_torch(model, partial(torchvision, blocks=(2, 1)), (32, 32, 3), smooth=True)


def test_stride_on_the_first_1x1_equals_torch(compare_logits_with_torch):
    """The paper's."""
    network = partial(networks.resnet, blocks=(1, 1), classes=10)
    compare_logits_with_torch(ResNet(blocks=(1, 1), num_classes=10), network, (32, 32, 3))


def test_logits_of_50_layers_equal_torch(compare_logits_with_torch):
    model = ResNet.of_depth(50, num_classes=10, stride_on_3x3=True)
    compare_logits_with_torch(model, torchvision, (64, 64, 3))


@pytest.mark.slow
@pytest.mark.parametrize("depth", sorted(TORCHVISION))
def test_training_equals_torch(compare_with_torch, depth):
    """torchvision's, by their names here."""
    blocks, bottleneck = TORCHVISION[depth], depth >= 50
    model = jaxcnn.load(f"resnet_2015:{depth}-v1.5").model.clone(num_classes=10)
    compare_with_torch(model, partial(torchvision, blocks=blocks, bottleneck=bottleneck), (64, 64, 3), smooth=True)


def test_he_initialisation():
    model = ResNet(blocks=(1, 1), num_classes=10)

    @jax.jit
    def some_layer(images):
        return model.init(jax.random.key(0), images, train=False)["params"]["conv2_1"]["b"]

    layer = some_layer(jnp.zeros((1, 32, 32, 3)))
    assert set(layer) == {"kernel"}  # no bias
    assert np.std(layer["kernel"]) == pytest.approx(np.sqrt(2 / (9 * 64)), rel=0.02)  # √(2 / fan-in)
