"""The drawing of every experiment and variant: nothing overlaps, nothing is cut off, no layer is missing.

Checked on the layout, and again on the coordinates in the file.
"""

from functools import cache
from itertools import pairwise

import pytest
from svg_parts import Area, Parts, overlapping, parts

import jaxcnn
from jaxcnn.config.experiment import Experiment
from jaxcnn.inspection.drawing.boxes import STRIPS
from jaxcnn.inspection.drawing.items import LONGEST, Item, items_of
from jaxcnn.inspection.drawing.manner import CUBOIDS, MLPCONV, PLANES, manner_of
from jaxcnn.inspection.drawing.network import Drawing, drawing
from jaxcnn.inspection.drawing.scene import Rect
from jaxcnn.inspection.drawing.svg import svg
from jaxcnn.inspection.drawing.towers import connections, tower_count
from jaxcnn.runs.layer_table import LayerTable, layer_table

TITLES = [f"{name}:{variant}" for name in jaxcnn.names() for variant in jaxcnn.variants(name)]
FOLDED = {  # the runs of equal blocks, from Table 1 and §4.2: 6n + 2 layers; conv4_1 and s2_1 differ from the others
    "resnet_2015:101": ["× 22: conv4_2 … conv4_23"],
    "resnet_2015:152": ["× 35: conv4_2 … conv4_36"],
    "resnet_cifar_2015:110": ["× 18: s1_1 … s1_18", "× 17: s2_2 … s2_18", "× 17: s3_2 … s3_18"],
    "resnet_cifar_2015:1202": ["× 200: s1_1 … s1_200", "× 199: s2_2 … s2_200", "× 199: s3_2 … s3_200"],
    "resnet_2015:50": [],
    "resnet_2015:34": [],
}


class Drawn:
    """A network in all forms: the layer table, the layout, the file."""

    def __init__(self, title: str) -> None:
        self.experiment: Experiment = jaxcnn.load(title)
        self.table: LayerTable = layer_table(self.experiment)
        self.items: list[Item] = items_of(self.table)
        self.layout: Drawing = drawing(self.experiment, self.table)
        size = (self.layout.width, self.layout.height)
        text = svg(self.layout.scene, *size, title=self.layout.title, description=self.layout.description)
        self.file: Parts = parts(text)


@cache
def drawn(title: str) -> Drawn:
    return Drawn(title)


@pytest.fixture(params=TITLES)
def network(request) -> Drawn:
    return drawn(request.param)


def test_no_boxes_overlap(network):
    assert overlapping([box.area for box in network.file.boxes]) == []
    boxes = network.layout.scene.boxes
    assert overlapping([Area(*box.rect[:2], box.rect.right, box.rect.bottom, box.title) for box in boxes]) == []


def test_no_text_overlaps_another_or_leaves_its_box_or_the_drawing(network):
    file, layout = network.file, network.layout
    assert overlapping(file.texts) == []
    assert [text for text in file.texts if not file.whole.holds(text)] == []
    assert [text for box in file.boxes for text in box.texts if not box.area.holds(text)] == []
    whole = Rect(0, 0, layout.width, layout.height)
    assert all(whole.contains(text.rect) for text in layout.scene.all_texts)
    assert all(box.rect.contains(text.rect) for box in layout.scene.boxes for text in box.texts)
    for text in layout.scene.texts:  # those beside boxes don't run into any
        assert not any(text.rect.overlaps(box.rect) for box in layout.scene.boxes), text.text


def test_everything_lies_within_the_drawing(network):
    whole = Rect(0, 0, network.layout.width, network.layout.height)
    assert whole.contains(network.layout.scene.extent)
    assert [box for box in network.file.boxes if not network.file.whole.holds(box.area)] == []


def test_lines_pass_by_boxes_and_texts(network):
    """A line touches the boxes that it joins, and runs through none."""
    obstacles = [box.area for box in network.file.boxes] + network.file.texts
    for line in network.file.lines:
        for (x, y), (next_x, next_y) in pairwise(line):
            run = Area(min(x, next_x), min(y, next_y), max(x, next_x), max(y, next_y))
            near = [area for area in obstacles if area.overlaps(run, slack=-1)]
            for step in range(1, 20) if near else ():
                point_x, point_y = x + (next_x - x) * step / 20, y + (next_y - y) * step / 20
                point = Area(point_x - 0.1, point_y - 0.1, point_x + 0.1, point_y + 0.1)
                assert [area for area in near if area.overlaps(point)] == [], line


def test_every_layer_is_there(network):
    """Once, or once in each tower; with all that the layer table says, and in a fold with how many it stands for."""
    rows = network.table.rows
    seen: dict[int, int] = {}
    for box in network.file.boxes:
        for row in box.rows:
            seen[row] = seen.get(row, 0) + 1
        if box.rows:
            first = rows[box.rows[0]]
            assert box.title.startswith(f"{first.name}: ")
            for count in (first.params, first.macs):
                assert f" {count:,};" in box.title
            assert f"receptive field {first.receptive_field}" in box.title
            assert f"output {'×'.join(map(str, first.output_shape))};" in box.title
        if len(box.rows) > 1:
            last = rows[box.rows[-1]]
            assert f"× {len(box.rows)}: {first.name} … {last.name}" in box.title
            local = {rows[row].name.partition(".")[2] for row in box.rows}
            shapes = {(rows[row].output_shape, rows[row].params, rows[row].macs) for row in box.rows}
            assert len(local) == len(shapes) == 1  # what is folded is equal
    assert set(seen) == set(range(len(rows)))
    assert set(seen.values()) <= {1, tower_count(network.items)}


def test_the_number_of_boxes(network):
    """The image, each layer that isn't folded (a box for each tower), and each sum."""
    boxes = [box for box in network.file.boxes if box.form != "sample"]
    towers = tower_count(network.items)
    halves = len({box.rows[0] for box in boxes if "; tower 1 of" in box.title})
    assert len(boxes) == len(network.items) + (towers - 1) * halves
    folded_away = sum(len(item.rows) - 1 for item in network.items if item.row)
    assert sum(item.row is not None for item in network.items) == len(network.table.rows) - folded_away


def test_every_connection_is_a_line(network):
    """But for strips, which touch what they read."""
    items, drawn_lines = network.items, network.layout.network.lines
    if manner_of(network.experiment.name, items) in (PLANES, CUBOIDS, MLPCONV):
        expected = sum(len(connections(items, place)) for place in range(len(items)))
    else:
        expected = sum(len(item.inputs) for item in items if item.kind not in STRIPS)
    assert len(drawn_lines) == expected
    assert len({(line.points[0], line.points[-1]) for line in drawn_lines}) == expected


def test_it_says_what_the_sizes_mean_and_what_is_folded(network):
    words = " ".join(text.what for text in network.file.texts)
    assert "scale" in words and network.experiment.id in words
    folds = {item.fold for item in network.items if item.fold}
    assert all(fold.count > LONGEST for fold in folds)
    for fold in folds:
        assert f"{fold.count} equal blocks, {fold.first} to {fold.last}, are drawn once" in words
        assert f"× {fold.count}: {fold.first} … {fold.last}" in words


@pytest.mark.parametrize("title", FOLDED)
def test_what_is_folded(title):
    said = [text.what for text in drawn(title).file.texts if text.what.startswith("× ")]
    assert said == FOLDED[title]


def test_shortcuts_are_arcs_and_plain_networks_have_none():
    for title, count, dashed in (
        ("resnet_2015:34", 16, 3),  # Fig. 3: dashed where the dimensions increase
        ("resnet_2015:34-A", 16, 3),
        ("resnet_2015:34-C", 16, 16),  # all are projections
        ("resnet_2015:plain-34", 0, 0),
        ("resnet_cifar_2015:20", 9, 2),
    ):
        scene = drawn(title).layout.network
        ends = [line for line in scene.lines if line.shortcut and line.points[-1][0] != line.points[-2][0]]
        assert (len(ends), sum(line.dashed for line in ends)) == (count, dashed), title
        assert sum(box.form == "sum" for box in scene.boxes) == count


def test_auxiliary_heads_stand_beside_the_network():
    boxes = drawn("googlenet_2014:paper").layout.network.boxes
    main = [box.rect for box in boxes if not box.title.startswith("aux")]
    heads = [box.rect for box in boxes if box.title.startswith("aux")]
    assert len(heads) == 10 and min(rect.x for rect in heads) > max(rect.right for rect in main)


def test_branches_of_a_module_stand_side_by_side():
    boxes = {box.title.split(":")[0]: box.rect for box in drawn("googlenet_2014:paper").layout.network.boxes}
    first = [boxes[f"3a.{name}"] for name in ("1x1", "3x3_reduce", "5x5_reduce", "pool")]
    assert len({rect.y for rect in first}) == 1 and first == sorted(first)
    assert boxes["3a.output"].y > max(boxes[f"3a.{name}"].bottom for name in ("3x3", "5x5", "pool_proj"))
