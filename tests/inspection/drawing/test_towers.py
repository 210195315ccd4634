"""AlexNet's towers: who reads whom, by §3.2 and §3.5 of the paper and by Caffe's networks."""

import pytest

import jaxcnn
from jaxcnn.inspection.drawing.items import items_of
from jaxcnn.inspection.drawing.towers import connections, tower_count
from jaxcnn.runs.layer_table import layer_table

OWN = {(0, 0), (1, 1)}
ALL = OWN | {(0, 1), (1, 0)}


def reads(title: str) -> tuple[int, dict[str, set[tuple[int | None, int | None]]]]:
    """How many towers there are; for each layer, which tower of its input each of its towers reads."""
    items = items_of(layer_table(jaxcnn.load(title)))
    found = {}
    for place, item in enumerate(items[1:], start=1):
        assert item.row is not None
        pairs = {(source.tower, target.tower) for source, target in connections(items, place)}
        assert len(pairs) == len(connections(items, place))
        found[item.row.name] = pairs
    return tower_count(items), found


def test_the_papers_towers():
    towers, found = reads("alexnet_2012:paper")
    assert towers == 2
    assert found["conv1"] == {(None, 0), (None, 1)}
    for name in ("norm1", "pool1", "conv2", "norm2", "pool2", "conv4", "conv5", "pool5", "drop6", "drop7"):
        assert found[name] == OWN, name
    for name in ("conv3", "fc6", "fc7"):  # "the kernels of the third layer take input from all kernel maps"
        assert found[name] == ALL, name
    assert found["fc8"] == {(0, None), (1, None)}


def test_in_caffe_the_norms_see_both_towers():
    towers, found = reads("alexnet_2012:caffenet")
    assert towers == 2 and found["norm1"] == found["norm2"] == ALL and found["conv2"] == OWN


@pytest.mark.parametrize("variant", ["ungrouped", "one_gpu", "one_tower"])
def test_one_tower(variant):
    towers, found = reads(f"alexnet_2012:{variant}")
    assert towers == 1 and all(pairs == {(None, None)} for pairs in found.values())


def test_many_groups_are_no_towers():
    experiment = jaxcnn.override(jaxcnn.load("alexnet_2012"), "model.towers=8")
    assert tower_count(items_of(layer_table(experiment))) == 1
