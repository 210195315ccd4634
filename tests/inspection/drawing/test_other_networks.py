"""Networks that no paper here has: every line that the graph has is drawn, and none that it hasn't."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
import pytest
from svg_parts import overlapping, parts

import jaxcnn
from jaxcnn.inspection.drawing.items import items_of
from jaxcnn.inspection.drawing.manner import TOP_DOWN, manner_of
from jaxcnn.inspection.drawing.network import drawing
from jaxcnn.inspection.drawing.spine import main_path, stretches
from jaxcnn.inspection.drawing.svg import svg
from jaxcnn.models.layers.core import Conv, Dense
from jaxcnn.models.layers.pooling import GlobalAveragePool, MaxPool
from jaxcnn.runs.layer_table import model_table


class Dense3(nn.Module):
    """Each convolution reads all before it."""

    @nn.compact
    def __call__(self, x, *, train: bool):
        for number in range(3):
            y = Conv(4, 3, padding=1, name=f"conv{number}")(x)
            x = jnp.concatenate([x, y], axis=-1)
        return Dense(2, name="fc")(GlobalAveragePool(name="gap")(x))


class Hourglass(nn.Module):
    """A skip over a skip, and a branch within a branch."""

    @nn.compact
    def __call__(self, images, *, train: bool):
        x = Conv(8, 3, padding=1, name="in")(images)
        y = Conv(8, 3, padding=1, name="down1")(x)
        z = Conv(8, 3, padding=1, name="down2")(y)
        z = Conv(8, 1, name="left")(z) + Conv(8, 1, name="right")(z)
        y = Conv(8, 3, padding=1, name="up2")(z + y)
        x = Conv(8, 3, padding=1, name="up1")(y + x)
        Dense(3, name="aux1.fc")(MaxPool(2, 2, name="aux1.pool")(y))
        return Dense(2, name="fc")(x)


@pytest.mark.parametrize("model", [Dense3(), Hourglass()], ids=lambda model: type(model).__name__)
def test_any_graph(model):
    table = model_table(model, (8, 8, 3))
    experiment = dataclasses.replace(jaxcnn.load("lenet5_1998"), name="mine")
    found = drawing(experiment, table)
    file = parts(svg(found.scene, found.width, found.height, title="a", description="b"))
    assert overlapping([box.area for box in file.boxes]) == [] and overlapping(file.texts) == []
    assert sorted(row for box in file.boxes for row in box.rows) == list(range(len(table.rows)))
    items = items_of(table)
    edges = {(read, place) for place, item in enumerate(items) for read in item.inputs}
    ends = [(line.points[0], line.points[-1]) for line in found.network.lines]
    assert len(ends) == len(set(ends)) == len(edges)


def test_a_stretch_that_is_no_set_of_chains_stands_in_one_lane():
    items = items_of(model_table(Hourglass(), (8, 8, 3)))
    found = [stretch for stretch in stretches(items, main_path(items)) if stretch.lanes]
    assert [(len(stretch.lanes), stretch.simple) for stretch in found] == [(1, False)]
    items = items_of(model_table(jaxcnn.load("googlenet_2014").model, (224, 224, 3)))
    found = [stretch for stretch in stretches(items, main_path(items)) if stretch.lanes]
    assert [(len(stretch.lanes), stretch.simple) for stretch in found] == [(4, True)] * 9


def test_a_paper_manner_is_for_chains():
    """A network with shortcuts in AlexNet's experiment isn't drawn as a row, where they would be lost."""
    items = items_of(model_table(Hourglass(), (8, 8, 3)))
    assert all(manner_of(name, items) == TOP_DOWN for name in ("alexnet_2012", "vgg_2014", "mine"))
