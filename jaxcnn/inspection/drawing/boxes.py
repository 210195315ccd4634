"""The box of an item in a column: how large it is, and what it says."""

import math

from jaxcnn.inspection.drawing.items import Item
from jaxcnn.inspection.drawing.scene import Box, Rect, Text
from jaxcnn.inspection.drawing.words import KINDS, folded_title, lines, room, sizes, texts_within, title
from jaxcnn.models.layers.shapes import Shape
from jaxcnn.runs.layer_table import LayerTable

SUM = 18  # pixels, the sides of the circle of an addition
STRIP = 14  # pixels, the height of layers that leave the shape as it is
STRIPS = ("bn", "lrn", "dropout")
NARROWEST = 88  # pixels, the width of a single channel; wide enough for most texts
PER_SIDE, PER_CHANNELS = 5, 16  # pixels for each doubling

SCALE = (
    f"Log scales: a box is {STRIP} px high for one pixel, and {PER_SIDE} px more for each doubling of the map's side; "
    f"{NARROWEST} px wide for one channel or unit, and {PER_CHANNELS} px more for each doubling of their number. "
    "Normalisation and dropout keep the shape and are strips."
)


def size_of(item: Item) -> tuple[float, float]:
    """Width and height of an item's box."""
    if item.kind == "add":
        return SUM, SUM
    width = NARROWEST + PER_CHANNELS * math.log2(item.shape[-1])
    if item.kind in STRIPS:
        return width, STRIP
    return width, STRIP + PER_SIDE * math.log2(side(item.shape))


def side(shape: Shape) -> int:
    """The side of a map in pixels; 1 for a vector."""
    return shape[0] if len(shape) == 3 else 1


def box_of(table: LayerTable, item: Item, rect: Rect) -> Box:
    """The box of an item, with the texts that fit into it."""
    if item.row is None:
        return _junction(item, rect)
    wordings = lines(item.row, max(1, room(rect.height)))
    last = table.rows[item.rows[-1]]
    said = folded_title(item.row, last, item.fold.count) if item.fold else title(item.row)
    return Box(rect, item.kind, said, item.rows, texts_within(rect, wordings))


def _junction(item: Item, rect: Rect) -> Box:
    said = f"{KINDS.get(item.kind, item.kind)}: {sizes(item.shape)}"
    if item.kind != "add":
        return Box(rect, item.kind, said, texts=texts_within(rect, [[said, KINDS.get(item.kind, item.kind)]]))
    x, y = rect.middle
    return Box(rect, item.kind, said, texts=(Text("+", x, y + 4, 12),), form="sum")
