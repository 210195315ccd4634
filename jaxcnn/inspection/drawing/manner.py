"""In which manner each paper's network is drawn: as near to the paper's own figure as boxes to scale can be."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from jaxcnn.inspection.drawing import boxes
from jaxcnn.inspection.drawing.figures import CUBOID_SCALE, PLANES_SCALE, cuboid, planes
from jaxcnn.inspection.drawing.items import Item
from jaxcnn.inspection.drawing.left_right import left_right
from jaxcnn.inspection.drawing.scene import Scene
from jaxcnn.inspection.drawing.top_down import top_down
from jaxcnn.runs.layer_table import LayerTable


class Manner(NamedTuple):
    """A way of drawing.

    Attributes:
      lay_out: (layer table, items) → the scene.
      scale: what the sizes mean.
      is_chain: whether each item must read the one before it, and no other.
    """

    lay_out: Callable[[LayerTable, Sequence[Item]], Scene]
    scale: str
    is_chain: bool = False


TOP_DOWN = Manner(lambda table, items: top_down(table, items, by_blocks=False), boxes.SCALE)
BLOCKS = Manner(lambda table, items: top_down(table, items, by_blocks=True), boxes.SCALE, is_chain=True)
PLANES = Manner(lambda table, items: left_right(items, planes, mlpconv=False), PLANES_SCALE, is_chain=True)
CUBOIDS = Manner(lambda table, items: left_right(items, cuboid, mlpconv=False), CUBOID_SCALE, is_chain=True)
MLPCONV = Manner(lambda table, items: left_right(items, cuboid, mlpconv=True), CUBOID_SCALE, is_chain=True)

MANNERS = {
    "lenet5_1998": PLANES,  # Fig. 2
    "cnn_primer": PLANES,
    "alexnet_2012": CUBOIDS,  # Fig. 2
    "nin_2013": MLPCONV,  # Figs. 1 and 2
    "vgg_2014": BLOCKS,  # Table 1: blocks of equal size between poolings
    "googlenet_2014": TOP_DOWN,  # Fig. 3
    "resnet_2015": TOP_DOWN,  # Fig. 3
    "resnet_cifar_2015": TOP_DOWN,
}


def manner_of(name: str, items: Sequence[Item]) -> Manner:
    """The manner for an experiment of this name. Other networks, and those with branches, run from top to bottom."""
    manner = MANNERS.get(name, TOP_DOWN)
    chained = all(item.inputs == (place - 1,) for place, item in enumerate(items) if place)
    return TOP_DOWN if manner.is_chain and not chained else manner
