"""Which layers read which, against the papers' figures."""

import flax.linen as nn
import jax.numpy as jnp
import pytest

import jaxcnn
from jaxcnn.models.layers.core import Conv, Dense
from jaxcnn.models.layers.pooling import GlobalAveragePool
from jaxcnn.runs import layer_table as tables
from jaxcnn.runs.layer_graph import is_junction
from jaxcnn.runs.layer_table import layer_table, model_table


def reads(title: str) -> dict[str, list[str]]:
    """The names of the layers that each layer reads."""
    rows = layer_table(jaxcnn.load(title)).rows
    return {row.name: ["image" if number < 0 else rows[number].name for number in row.inputs] for row in rows}


def junctions(title: str) -> list[tuple[str, list[str]]]:
    """The kind of each place where arrays meet, and what meets: layers, and "sum" for what met before."""
    table = layer_table(jaxcnn.load(title))
    names = ["image" if not node.inputs else "sum" if node.row is None else table.rows[node.row].name
             for node in table.nodes]  # fmt: skip
    return [(node.kind, [names[place] for place in node.inputs]) for node in table.nodes if is_junction(node)]


def test_shortcuts_of_resnet_18():
    """Fig. 3 and Table 1: two blocks in each stage; option B projects where the stage begins, but for conv2_x."""
    assert junctions("resnet_2015:18") == [
        ("add", ["conv2_1.b.bn", "pool1"]),
        ("add", ["conv2_2.b.bn", "sum"]),
        ("add", ["conv3_1.b.bn", "conv3_1.shortcut.bn"]),
        ("add", ["conv3_2.b.bn", "sum"]),
        ("add", ["conv4_1.b.bn", "conv4_1.shortcut.bn"]),
        ("add", ["conv4_2.b.bn", "sum"]),
        ("add", ["conv5_1.b.bn", "conv5_1.shortcut.bn"]),
        ("add", ["conv5_2.b.bn", "sum"]),
    ]
    found = reads("resnet_2015:18")
    assert found["conv2_1.a"] == ["pool1"] and found["conv2_2.a"] == ["conv2_1.b.bn", "pool1"]
    assert found["conv3_1.a"] == found["conv3_1.shortcut"] == ["conv2_2.b.bn", "conv2_1.b.bn"]
    assert found["conv3_2.a"] == ["conv3_1.b.bn", "conv3_1.shortcut.bn"]


def test_option_a_has_no_layer_on_its_shortcuts():
    found = junctions("resnet_2015:18-A")
    assert [kind for kind, _ in found] == ["add"] * 8
    assert [read[1] for _, read in found] == ["pool1", *["sum"] * 7]


def test_plain_networks_are_chains():
    assert junctions("resnet_2015:plain-18") == []
    rows = layer_table(jaxcnn.load("resnet_2015:plain-18")).rows
    assert [row.inputs for row in rows] == [(number - 1,) for number in range(len(rows))]


def test_branches_of_an_inception_module():
    """Fig. 2b: four branches on the same input, joined."""
    found = reads("googlenet_2014")
    for name in ("1x1", "3x3_reduce", "5x5_reduce", "pool"):
        assert found[f"3a.{name}"] == ["pool2"]
    assert found["3a.3x3"] == ["3a.3x3_reduce"] and found["3a.5x5"] == ["3a.5x5_reduce"]
    assert found["3a.pool_proj"] == ["3a.pool"]
    assert found["3a.output"] == ["3a.1x1", "3a.3x3", "3a.5x5", "3a.pool_proj"]
    # Fig. 3: the heads branch off 4a and 4d.
    assert found["aux1.avgpool"] == found["4b.1x1"] == ["4a.output"]
    assert found["aux2.avgpool"] == found["4e.1x1"] == ["4d.output"]


def test_alexnet_is_a_chain_with_two_groups_where_the_paper_has_two_gpus():
    rows = layer_table(jaxcnn.load("alexnet_2012")).rows
    assert [row.inputs for row in rows] == [(number - 1,) for number in range(len(rows))]
    groups = {row.name: row.groups for row in rows if row.kind == "conv"}
    assert groups == {"conv1": 1, "conv2": 2, "conv3": 1, "conv4": 2, "conv5": 2}  # §3.2
    windows = {row.name: tuple(row.window) for row in rows if row.kind == "conv"}
    assert windows == {"conv1": (11, 4), "conv2": (5, 1), "conv3": (3, 1), "conv4": (3, 1), "conv5": (3, 1)}


class Meeting(nn.Module):
    """A concatenation and a sum that are no layers, and a sum as output."""

    @nn.compact
    def __call__(self, images, *, train: bool):
        left = Conv(4, 1, name="left")(images)
        right = Conv(4, 1, name="right")(images)
        x = Conv(8, 1, name="both")(jnp.concatenate([left, nn.relu(right)], axis=-1))
        x = Conv(3, 1, name="narrow")(jnp.tanh(x)) + images
        x = GlobalAveragePool(name="gap")(x * x)
        return Dense(2, name="fc1")(x) + Dense(2, name="fc2")(x)


def test_concatenations_and_sums_between_layers():
    table = model_table(Meeting(), (8, 8, 3))
    rows = [(row.name, row.inputs) for row in table.rows]
    assert rows == [
        *(("left", (-1,)), ("right", (-1,)), ("both", (0, 1)), ("narrow", (2,))),
        *(("gap", (3, -1)), ("fc1", (4,)), ("fc2", (4,))),
    ]
    kinds = [(node.kind, node.shape) for node in table.nodes if is_junction(node)]
    assert kinds == [("concatenate", (8, 8, 8)), ("add", (8, 8, 3)), ("add", (2,))]


@pytest.mark.parametrize("title", ["googlenet_2014:torchvision", "resnet_2015:18-A"])
def test_a_first_trace_and_a_second_one_give_the_same_graph(title, monkeypatch):
    """The first one goes into the layers, the second one knows them."""
    monkeypatch.setattr(tables, "KNOWN", {})
    experiment = jaxcnn.load(title)
    first = layer_table(experiment)
    assert tables.KNOWN and layer_table(experiment) == first
