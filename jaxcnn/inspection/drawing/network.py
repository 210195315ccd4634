"""The drawing of an experiment's network."""

from typing import NamedTuple

from jaxcnn.config.experiment import Experiment
from jaxcnn.inspection.drawing.items import Item, items_of
from jaxcnn.inspection.drawing.legend import fold_notes, heading
from jaxcnn.inspection.drawing.manner import manner_of
from jaxcnn.inspection.drawing.scene import Scene
from jaxcnn.inspection.drawing.svg import svg
from jaxcnn.inspection.drawing.towers import tower_count
from jaxcnn.runs.layer_table import LayerTable, layer_table

MARGIN = 20  # pixels around everything
NARROWEST, WIDEST = 320, 760  # pixels that the heading may take, however narrow or wide the network is


class Drawing(NamedTuple):
    """A scene that lies within (0, 0) and (width, height), in pixels, and the texts about it.

    Attributes:
      network: the part of the scene that isn't heading or legend.
    """

    scene: Scene
    network: Scene
    width: float
    height: float
    title: str
    description: str


def draw(experiment: Experiment) -> str:
    """The network of an experiment, to scale, as the text of an SVG file that needs nothing but itself.

    >>> from jaxcnn.config.experiment import load
    >>> draw(load("lenet5_1998")).startswith("<svg ")
    True

    Raises:
      UsageError: the network doesn't fit the experiment's input.
    """
    found = drawing(experiment, layer_table(experiment))
    return svg(found.scene, found.width, found.height, title=found.title, description=found.description)


def drawing(experiment: Experiment, table: LayerTable) -> Drawing:
    """The network with its heading and legend."""
    items = items_of(table)
    manner = manner_of(experiment.name, items)
    network = manner.lay_out(table, items)
    width = max(network.extent.width, NARROWEST)
    paper, name = experiment.paper, f"{experiment.name}:{experiment.variant}"
    totals = _totals(table)
    notes = [manner.scale, *_tower_notes(items), *fold_notes(items)]
    head = heading(name, f"{paper.authors}, {paper.year}", totals, notes, network, min(width, WIDEST))
    y = head.extent.bottom + 2 * MARGIN
    extent = network.extent
    network = network.moved(MARGIN + (width - extent.width) / 2 - extent.x, y - extent.y)
    scene = Scene()
    scene.extend(head.moved(MARGIN, 0))
    scene.extend(network)
    whole = scene.extent
    title = f"The network of {name}, drawn to scale"
    description = f"{paper.authors}, {paper.year}: {paper.title}. {totals} {' '.join(notes)}"
    return Drawing(scene, network, max(whole.right, width + MARGIN) + MARGIN, whole.bottom + MARGIN, title, description)


def _totals(table: LayerTable) -> str:
    heads = f", {table.auxiliary_params:,} of them in auxiliary heads" if table.auxiliary_params else ""
    return (
        f"{len(table.rows):,} rows in the layer table; {table.total_params:,} parameters{heads}; "
        f"{table.total_macs:,} multiply–accumulates."
    )


def _tower_notes(items: list[Item]) -> list[str]:
    towers = tower_count(items)
    return [f"{towers} towers; where lines cross, a layer reads the maps of all towers."] if towers > 1 else []
