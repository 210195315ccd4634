"""The figure of a layer's output in a row from left to right: feature-map planes, or a box in three dimensions."""

import math
from typing import NamedTuple

from jaxcnn.inspection.drawing.boxes import STRIPS, side
from jaxcnn.models.layers.shapes import Shape

PLANES = 16  # more feature maps than that are drawn as this many planes
SLAB = 8  # pixels, the width of layers that leave the shape as it is
BAR = 14  # pixels, the width of a layer of units


class Figure(NamedTuple):
    """The size of a figure.

    Attributes:
      width, height: of all of it, in pixels.
      depth: how far it recedes to the top right, in pixels; within width and height.
      planes: how many planes there are; 0 for a box.
    """

    width: float
    height: float
    depth: float
    planes: int


def cuboid(shape: Shape, kind: str) -> Figure:
    """A box: height and depth by the map's side, width by the channels, all by square roots."""
    channels = shape[-1]
    if side(shape) == 1:
        return Figure(BAR, 4 * math.sqrt(channels), 0, 0)
    height = 12 * math.sqrt(side(shape))
    depth = 0.3 * height
    width = SLAB if kind in STRIPS else 4 * math.sqrt(channels)
    return Figure(width + depth, height + depth, depth, 0)


def planes(shape: Shape, kind: str) -> Figure:
    """Feature maps one behind the other: each as large as its side, to scale; receding by the root of their number."""
    del kind
    channels = shape[-1]
    if side(shape) == 1:
        return Figure(BAR, 8 * math.sqrt(channels), 0, 0)
    depth = 7 * math.sqrt(channels) if channels > 1 else 0
    length = 4 * side(shape)
    return Figure(length + depth, length + depth, depth, min(channels, PLANES))


CUBOID_SCALE = (
    "Square-root scales: a box's height and depth are 12 and 3.6 px times the root of the map's side, its width 4 px "
    "times the root of the channels. A layer of units is a bar, 4 px times the root of their number high. "
    "Normalisation and dropout keep the shape and are slabs."
)
PLANES_SCALE = (
    f"Linear scale: a feature map has 4 px for each of its pixels. There are as many planes as maps, up to {PLANES}; "
    "they recede by 7 px times the root of the number of maps. A layer of units is a bar, 8 px times the root of their "
    "number high."
)
