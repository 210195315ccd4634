"""A whole network from top to bottom, with auxiliary heads at the side; or in columns from left to right."""

from collections.abc import Sequence
from itertools import pairwise

from jaxcnn.inspection.drawing.boxes import size_of
from jaxcnn.inspection.drawing.column import Column
from jaxcnn.inspection.drawing.items import Item
from jaxcnn.inspection.drawing.routes import FORK, head, next_column
from jaxcnn.inspection.drawing.scene import Scene
from jaxcnn.inspection.drawing.spine import main_path, side_heads, stretches
from jaxcnn.runs.layer_table import LayerTable

ASIDE = 40  # pixels from the main path to the heads, and between columns


def top_down(table: LayerTable, items: Sequence[Item], *, by_blocks: bool) -> Scene:
    """The network as boxes from top to bottom.

    Args:
      table: the layer table.
      items: what is drawn of it.
      by_blocks: whether a new column begins after each pooling. A network with auxiliary heads has one column.
    """
    main = main_path(items)
    heads = side_heads(items, main)
    columns = [Column(table, items)]
    for stretch in stretches(items, main):
        columns[-1].add(stretch)
        if by_blocks and not heads and items[stretch.end].kind.endswith("pool") and stretch.end != main[-1]:
            columns.append(Column(table, items))
    if heads:
        _place_heads(columns[0], items, heads)
    return _side_by_side(columns)


def _place_heads(column: Column, items: Sequence[Item], heads: Sequence[Sequence[int]]) -> None:
    """Auxiliary heads to the right of all else: each below the item that it branches off, and below the one before."""
    widest = max(size_of(items[place])[0] for places in heads for place in places)
    x = column.scene.extent.right + ASIDE + widest / 2
    bottom = 0.0
    for places in heads:
        start = column.rects[items[places[0]].inputs[0]]
        column.y = max(start.middle[1], bottom)
        column.chain(places, x, FORK)
        column.scene.lines.append(head(start, column.rects[places[0]]))
        column.link(places)
        bottom = column.y


def _side_by_side(columns: Sequence[Column]) -> Scene:
    """All columns as one scene, with the lines from one to the next."""
    whole, right = Scene(), 0.0
    ends = []
    for number, column in enumerate(columns):
        extent = column.scene.extent
        x = right - extent.x + (ASIDE if number else 0)
        whole.extend(column.scene.moved(x, 0))
        first, last = column.rects[column.spine[0]], column.rects[column.spine[-1]]
        ends.append((first.moved(x, 0), last.moved(x, 0), right + ASIDE / 2))
        right = x + extent.right
    for (_, last, _), (first, _, middle) in pairwise(ends):
        whole.lines.append(next_column(last, middle, first))
    return whole
