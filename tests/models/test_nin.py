"""Network in Network against its authors' configuration files, and against torch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import networks
from jaxcnn.models.layers.initializers import Normal
from jaxcnn.models.nin import NIN, ImageNetNIN

# Filter counts of mavenlin/cuda-convnet (NIN/*_def) and of Caffe's model zoo; parameters and
# multiply–accumulates counted from them by hand.
TOTALS = {
    "cifar10": (NIN(), (32, 32, 3), 966_986),
    "cifar100": (NIN.cifar100(), (32, 32, 3), 984_356),
    "mnist": (NIN.mnist(), (28, 28, 1), 349_674),
    "svhn": (NIN.svhn(), (32, 32, 3), 1_986_026),
    "imagenet": (ImageNetNIN(), (224, 224, 3), 7_595_176),
}


@pytest.mark.parametrize("variant", TOTALS)
def test_parameters(layer_rows, variant):
    model, image, params = TOTALS[variant]
    assert sum(row.params for row in layer_rows(model, image).values()) == params


def test_rows_for_cifar10(layer_rows):
    rows = layer_rows(NIN(), (32, 32, 3))
    assert [row.params for row in rows.values() if row.kind == "conv"] == [
        *(14_592, 30_880, 15_456),
        *(460_992, 37_056, 37_056),
        *(331_968, 37_056, 1_930),
    ]
    shapes = {name: rows[name].output for name in ("cccp2", "pool1", "cccp4", "pool2", "cccp6", "gap")}
    assert shapes == {
        "cccp2": (32, 32, 96),
        "pool1": (16, 16, 96),
        "cccp4": (16, 16, 192),
        "pool2": (8, 8, 192),
        "cccp6": (8, 8, 10),
        "gap": (10,),
    }
    assert sum(row.macs for row in rows.values()) == 222_486_528


def test_rows_for_mnist(layer_rows):
    rows = layer_rows(NIN.mnist(), (28, 28, 1))
    assert (rows["pool1"].output, rows["pool2"].output) == ((14, 14, 48), (7, 7, 48))


def test_rows_for_imagenet(layer_rows):
    rows = layer_rows(ImageNetNIN(), (224, 224, 3))
    assert rows["conv1"] == ("conv", (54, 54, 96), 34_944, 101_616_768)
    assert rows["pool0"] == ("maxpool", (27, 27, 96), 0, 0)
    assert rows["cccp4"] == ("conv", (27, 27, 256), 65_792, 47_775_744)
    assert rows["pool2"] == ("maxpool", (13, 13, 256), 0, 0)
    assert rows["pool3"] == ("maxpool", (6, 6, 384), 0, 0)
    assert rows["conv4"] == ("conv", (6, 6, 1024), 3_539_968, 127_401_984)
    assert rows["cccp8"] == ("conv", (6, 6, 1000), 1_025_000, 36_864_000)
    assert rows["pool4"] == ("gap", (1000,), 0, 0)
    assert sum(row.macs for row in rows.values()) == 1_100_188_800


def test_initial_weights_have_the_authors_deviations():
    model = NIN.cifar100()
    expected = {"conv1": 0.001, "cccp1": 0.01, "cccp2": 0.01, "cccp3": 0.05, "cccp6": 0.05}

    @jax.jit
    def some_layers(images):
        params = model.init(jax.random.key(0), images, train=False)["params"]
        return {name: params[name] for name in expected}

    layers = some_layers(jnp.zeros((1, 32, 32, 3)))
    deviations = {name: float(np.std(layer["kernel"])) for name, layer in layers.items()}
    assert deviations == pytest.approx(expected, rel=0.03)
    assert not any(np.any(layer["bias"]) for layer in layers.values())


def test_presets_can_be_overridden():
    assert NIN.cifar100(num_classes=7, conv1_init=Normal(0.05)).num_classes == 7
    assert NIN.mnist(dropout_rate=0.0).dropout_rate == 0.0


def test_equals_torch(compare_with_torch):
    compare_with_torch(NIN(dropout_rate=0.0), networks.nin, (32, 32, 3))
