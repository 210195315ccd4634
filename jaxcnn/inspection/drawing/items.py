"""What is drawn: the nodes of a network's graph, with long runs of equal blocks folded into one."""

import dataclasses
from collections.abc import Sequence
from itertools import groupby

from jaxcnn.models.layers.shapes import Shape
from jaxcnn.runs.layer_graph import newest_rows
from jaxcnn.runs.layer_table import LayerTable, Row

LONGEST = 9  # equal blocks one after the other that are drawn each; of more, the first stands for all


@dataclasses.dataclass(frozen=True)
class Fold:
    """A run of equal blocks, of which only the first is drawn.

    Attributes:
      first, last: names of the first and the last block.
      count: how many blocks there are.
    """

    first: str
    last: str
    count: int


@dataclasses.dataclass(frozen=True)
class Item:
    """A node that is drawn.

    Attributes:
      inputs: the places of the items that it reads.
      rows: the numbers of the rows that it stands for: one, or one of each block of a fold. None for other nodes.
      block: the first part of its layer's name: of "conv2_1.a.bn" that is "conv2_1".
    """

    kind: str
    inputs: tuple[int, ...]
    shape: Shape
    row: Row | None
    rows: range
    block: str
    fold: Fold | None = None


def items_of(table: LayerTable) -> list[Item]:
    """The items of a network in the order of the forward pass; the first is the image."""
    names = _block_names(table)
    items: list[Item] = []
    place_of: dict[int, int] = {}  # node → item
    for fold, blocks in _runs(table, names):
        for node in (node for block in (blocks[:1] if fold else blocks) for node in block):
            place_of[node] = len(items)
            kind, read, shape, _, row = table.nodes[node]
            inputs = tuple(place_of[source] for source in read)
            if row is None:
                items.append(Item(kind, inputs, shape, None, range(0), names[node], fold))
            else:
                step = sum(table.nodes[other].row is not None for other in blocks[0])
                rows = range(row, row + step * len(blocks), step) if fold else range(row, row + 1)
                items.append(Item(table.rows[row].kind, inputs, shape, table.rows[row], rows, names[node], fold))
        if fold:  # whoever reads the last block, reads the first
            place_of |= {node: place_of[kept] for block in blocks for kept, node in zip(blocks[0], block, strict=True)}
    return items


def _block_names(table: LayerTable) -> list[str]:
    """The block of each node; a place where arrays meet belongs to the newest layer's."""
    newest = newest_rows(table.nodes)
    return [table.rows[row].name.partition(".")[0] if row >= 0 else "" for row in newest]


def _runs(table: LayerTable, names: Sequence[str]) -> list[tuple[Fold | None, list[list[int]]]]:
    """All nodes by blocks, and these by runs of equal ones; only the long runs have a fold."""
    blocks = [(name, list(nodes)) for name, nodes in groupby(range(len(names)), key=names.__getitem__)]
    runs = []
    for _, group in groupby(blocks, key=lambda block: _signature(table, block[1])):
        run = list(group)
        fold = Fold(run[0][0], run[-1][0], len(run)) if len(run) > LONGEST else None
        runs.append((fold, [nodes for _, nodes in run]))
    return runs


def _signature(table: LayerTable, nodes: Sequence[int]) -> tuple:
    """What two blocks must have in common to be called equal: all but names and receptive fields."""
    first = nodes[0]
    signature = []
    for place in nodes:
        node = table.nodes[place]
        row = None if node.row is None else table.rows[node.row]
        local = "" if row is None else row.name.partition(".")[2]
        counts = () if row is None else (row.kind, row.params, row.macs, row.window, row.groups)
        within = tuple(read - first for read in node.inputs if read >= first)
        signature.append((node.kind, local, node.shape, counts, within, len(node.inputs)))
    return tuple(signature)
