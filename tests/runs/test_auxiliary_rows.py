"""Layers that exist only in training are in the table where they branch off, and not in the totals of inference."""

import pytest

from jaxcnn.models.googlenet import GoogLeNet
from jaxcnn.models.resnet import ResNet
from jaxcnn.models.vgg import VGG, A, B, D, E
from jaxcnn.runs.layer_table import is_auxiliary, model_table

IMAGE = (224, 224, 3)


def test_heads_branch_off_behind_4a_and_4d():
    """In the order of Caffe's bvlc_googlenet."""
    table = model_table(GoogLeNet(), IMAGE)
    names = [row.name for row in table.rows]
    for head, before, after in (("aux1", "4a.output", "4b.1x1"), ("aux2", "4d.output", "4e.1x1")):
        start = names.index(f"{head}.avgpool")
        parts = ["avgpool", "conv", "fc", "dropout", "classifier"]
        assert names[start : start + 5] == [f"{head}.{part}" for part in parts]
        assert (names[start - 1], names[start + 5]) == (before, after)
    rows = {row.name: row for row in table.rows}
    assert rows["aux1.avgpool"].output_shape == (4, 4, 512) and rows["aux2.avgpool"].output_shape == (4, 4, 528)
    assert (rows["aux1.conv"].params, rows["aux1.fc"].params, rows["aux1.classifier"].params) == (
        65_664,
        2_098_176,
        1_025_000,
    )
    assert rows["aux2.conv"].params == 67_712 and rows["aux2.conv"].macs == 1_081_344
    assert table.auxiliary_params == 6_379_728 and table.total_params == 13_378_280
    # Caffe's file holds 1,591,044,096 with the heads.
    assert sum(row.macs for row in table.rows) == 1_591_044_096 and table.total_macs == 1_582_671_872


def test_a_head_sees_what_it_branches_off_and_five_of_its_pixels():
    rows = {row.name: row.receptive_field for row in model_table(GoogLeNet(), IMAGE).rows}
    assert rows["aux1.avgpool"] == rows["4a.5x5"] + 4 * 16
    assert rows["4b.1x1"] == rows["4a.5x5"]  # the head doesn't widen what comes after it


def test_heads_of_torchvision_have_batch_norm():
    table = model_table(GoogLeNet.as_in_torchvision(), IMAGE)
    names = [row.name for row in table.rows if is_auxiliary(row.name)]
    assert "aux1.conv.bn" in names and "aux2.conv.bn" in names
    assert table.auxiliary_params == 13_004_888 - 6_624_904


@pytest.mark.parametrize(("blocks", "field"), [(A, 150), (B, 156), (D, 212), (E, 268)])
def test_receptive_fields_of_vgg(blocks, field):
    rows = {row.name: row.receptive_field for row in model_table(VGG(blocks=blocks), IMAGE).rows}
    assert rows["pool5"] == field and rows["fc6"] == field + 6 * 32


@pytest.mark.parametrize(
    ("depth", "stride_on_3x3", "field"), [(18, False, 435), (34, False, 899), (50, False, 483), (50, True, 427)]
)
def test_receptive_fields_of_resnet(depth, stride_on_3x3, field):
    table = model_table(ResNet.of_depth(depth, stride_on_3x3=stride_on_3x3), IMAGE)
    assert max(row.receptive_field for row in table.rows if row.kind == "conv") == field


def test_batch_norms_have_rows_of_their_own():
    rows = model_table(ResNet.of_depth(18), IMAGE).rows
    assert [row.name for row in rows[:4]] == ["conv1", "conv1.bn", "pool1", "conv2_1.a"]
    assert rows[1].params == 128 and rows[1].kind == "bn"
