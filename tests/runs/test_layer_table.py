"""The layer table against the papers' numbers, and on networks with branches."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import pytest

import jaxcnn
from jaxcnn.analysis.describe import describe
from jaxcnn.models.layers.core import Conv, Dense
from jaxcnn.models.layers.pooling import AveragePool, GlobalAveragePool, MaxPool
from jaxcnn.runs.layer_table import layer_table, model_table

# LeCun et al. 1998, §II-B and Fig. 2: output, parameters, connections. Receptive fields: 5×5 windows and 2×2 at
# stride 2, so 5, 5 + 1, 6 + 4·2, 14 + 2, 16 + 4·4.
LENET = {
    "C1": ((28, 28, 6), 156, 122_304, 5),
    "S2": ((14, 14, 6), 12, 5_880, 6),
    "C3": ((10, 10, 16), 1_516, 151_600, 14),
    "S4": ((5, 5, 16), 32, 2_000, 16),
    "C5": ((1, 1, 120), 48_120, 48_120, 32),
    "F6": ((84,), 10_164, 10_164, 32),
    "output": ((10,), 0, 840, 32),
}

# Krizhevsky et al. 2012, §3.5, counted by a walk through Caffe's bvlc_alexnet: output, parameters,
# multiply–accumulates, receptive field.
ALEXNET = {
    "conv1": ((55, 55, 96), 34_944, 105_415_200, 11),
    "norm1": ((55, 55, 96), 0, 0, 11),
    "pool1": ((27, 27, 96), 0, 0, 19),
    "conv2": ((27, 27, 256), 307_456, 223_948_800, 51),
    "norm2": ((27, 27, 256), 0, 0, 51),
    "pool2": ((13, 13, 256), 0, 0, 67),
    "conv3": ((13, 13, 384), 885_120, 149_520_384, 99),
    "conv4": ((13, 13, 384), 663_936, 112_140_288, 131),
    "conv5": ((13, 13, 256), 442_624, 74_760_192, 163),
    "pool5": ((6, 6, 256), 0, 0, 195),
    "fc6": ((4096,), 37_752_832, 37_748_736, 355),
    "drop6": ((4096,), 0, 0, 355),
    "fc7": ((4096,), 16_781_312, 16_777_216, 355),
    "drop7": ((4096,), 0, 0, 355),
    "fc8": ((1000,), 4_097_000, 4_096_000, 355),
}


def test_lenet5_is_the_papers():
    table = layer_table(jaxcnn.load("lenet5_1998:paper"))
    found = {row.name: (row.output_shape, row.params, row.connections, row.receptive_field) for row in table.rows}
    assert found == LENET and [row.name for row in table.rows] == list(LENET)
    assert (table.total_params, table.total_connections, table.auxiliary_params) == (60_000, 340_908, 0)


def test_alexnet_is_the_papers():
    table = layer_table(jaxcnn.load("alexnet_2012:paper"))
    found = {row.name: (row.output_shape, row.params, row.macs, row.receptive_field) for row in table.rows}
    assert found == ALEXNET and [row.name for row in table.rows] == list(ALEXNET)
    assert (table.total_params, table.total_macs) == (60_965_224, 724_406_816)


@pytest.mark.parametrize(
    ("title", "params", "macs"),
    [
        ("alexnet_2012:ungrouped", 62_378_344, 1_135_256_096),
        ("alexnet_2012:one_gpu", 59_798_312, None),
        ("alexnet_2012:one_tower", 61_100_840, 714_188_480),
        ("alexnet_2012:caffenet", 60_965_224, 724_406_816),
        ("cnn_primer:paper", 1_413_834, None),
    ],
)
def test_totals(title, params, macs):
    table = layer_table(jaxcnn.load(title))
    assert table.total_params == params and macs in (None, table.total_macs)


class Branches(nn.Module):
    """Concatenation, sum, a strided slice, pooling by hand, an auxiliary head, a layer called twice."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images, *, train: bool):
        x = nn.relu(Conv(4, 3, strides=2, padding=1, name="stem")(images))  # 8×8, sees 3, step 2
        wide = Conv(4, 5, padding=2, name="wide")(x)  # sees 3 + 4·2 = 11
        narrow = Conv(4, 1, name="narrow")(x)  # sees 3
        x = jnp.concatenate([narrow, wide], axis=-1)
        if train:
            Dense(3, name="aux1")(x)
        shortcut = jnp.pad(x[:, ::2, ::2], [(0, 0), (0, 0), (0, 0), (0, 2)])  # 4×4×10, step 4
        main = Conv(10, 3, strides=2, padding=1, name="main")(x)  # sees 11 + 2·2 = 15, step 4
        side = Conv(10, 1, name="side")(shortcut)  # sees 11
        x = main + side
        x = MaxPool(2, 2, name="pool")(nn.relu(x))  # sees 15 + 4 = 19, step 8
        twice = Conv(10, 1, name="twice")
        x = twice(AveragePool(2, 1, name="mean")(twice(x)))  # 1×1; sees 19 + 8 = 27
        side = Conv(3, 3, padding=1, name="side3")(shortcut)  # sees 11 + 2·4 = 19
        return Dense(2, name="fc")(GlobalAveragePool(name="gap")(x)) + Dense(2, name="aux2")(side)


def test_branches():
    table = model_table(Branches(), (16, 16, 3))
    fields = [(row.name, row.receptive_field) for row in table.rows]
    assert fields == [
        *(("stem", 3), ("wide", 11), ("narrow", 3), ("main", 15), ("side", 11), ("pool", 19)),
        *(("twice", 19), ("mean", 27), ("twice", 27), ("side3", 19), ("gap", 27), ("fc", 27)),
        ("aux2", 11 + 2 * 4 + 3 * 4),  # a dense layer on 4×4 places with step 4 that see 19
    ]
    rows = {row.name: row for row in table.rows}
    assert rows["wide"].output_shape == (8, 8, 4) and rows["wide"].macs == 8 * 8 * 4 * 25 * 4
    assert rows["main"].output_shape == (4, 4, 10) and rows["main"].params == 9 * 8 * 10 + 10
    auxiliary = 4 * 4 * 3 * 2 + 2
    assert table.auxiliary_params == auxiliary == rows["aux2"].params
    assert table.total_macs == sum(row.macs for row in table.rows) - rows["aux2"].macs


def test_a_layer_that_is_called_twice_has_its_parameters_once():
    table = model_table(Branches(), (16, 16, 3))
    assert sum(row.params for row in table.rows if row.name == "twice") == 10 * 10 + 10


def test_vgg_is_counted_without_allocating():
    """138 million parameters in well under a second: shapes only."""
    from jaxcnn.models.vgg import VGG

    table = model_table(VGG(), (224, 224, 3))
    assert table.total_params == 138_357_544  # Simonyan & Zisserman 2014, configuration D; as torchvision has it


def test_description():
    found = describe(jaxcnn.load("alexnet_2012"))
    assert found["total_connections"] is None and len(found["contradictions"]) > 5
    assert found["layers"][0] == {
        **{"name": "conv1", "kind": "conv", "output_shape": [55, 55, 96], "params": 34_944},
        **{"macs": 105_415_200, "receptive_field": 11, "connections": 105_415_200 + 55 * 55 * 96},
        **{"inputs": [-1]},
    }
