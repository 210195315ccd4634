"""Receptive fields to the pixel: which rows and columns of the input each unit of a layer can depend on.

A field is followed through every layer by its window, strides and padding, and cut off at the border of every map on
the way, because what lies beyond it is no unit but padding. Branches of different sizes are kept apart: after a
concatenation the channels of a 1×1 branch see less than those of a 5×5 branch.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxcnn.models.kernels.convolution import pairs
from jaxcnn.models.layers.core import Layer
from jaxcnn.models.layers.pooling import pool_padding
from jaxcnn.models.layers.shapes import Shape

WITHIN_CHANNEL = ("maxpool", "avgpool", "subsample", "gap")  # kinds whose channels don't see each other
POINTWISE = ("bn", "dropout")  # kinds that see one value alone


class Box(NamedTuple):
    """Rows top … bottom − 1 and columns left … right − 1 of the network's input, in pixels."""

    top: int
    left: int
    bottom: int
    right: int


@dataclasses.dataclass(frozen=True, eq=False)
class Side:
    """What units see along one side: the first and the last pixel, int [channels, positions]."""

    first: np.ndarray
    last: np.ndarray

    def joined(self) -> "Side":
        """What a unit sees that sees all channels; [1, positions]."""
        return Side(self.first.min(axis=0, keepdims=True), self.last.max(axis=0, keepdims=True))

    def everything(self) -> "Side":
        """What a unit sees that sees all positions; [channels, 1]."""
        return Side(self.first.min(axis=1, keepdims=True), self.last.max(axis=1, keepdims=True))

    def windows(self, size: int, strides: int, before: int, count: int) -> "Side":
        """What `count` windows see, the first of which begins `before` pixels outside the map."""
        positions = self.first.shape[1]
        starts = np.arange(count) * strides - before
        begin, end = np.clip(starts, 0, positions - 1), np.clip(starts + size - 1, 0, positions - 1)
        # Both ends grow along the map, so the ends of a window are those of its first and last unit.
        return Side(self.first[:, begin], self.last[:, end])

    def with_channels(self, channels: int) -> "Side":
        """The same for so many channels; [channels, positions], from one channel or from as many."""
        shape = (channels, self.first.shape[1])
        return Side(np.broadcast_to(self.first, shape), np.broadcast_to(self.last, shape))


@dataclasses.dataclass(frozen=True, eq=False)
class Fields:
    """The receptive fields of all units of a map, or of the values of a fully connected layer, which is 1×1."""

    rows: Side
    columns: Side

    @classmethod
    def of_image(cls, height: int, width: int, channels: int) -> "Fields":
        """Each pixel sees itself."""
        sides = (np.broadcast_to(np.arange(size), (channels, size)) for size in (height, width))
        rows, columns = (Side(side, side) for side in sides)
        return cls(rows, columns)

    def box(self, channel: int, row: int = 0, column: int = 0) -> Box:
        """What one unit sees of the image."""
        return Box(
            int(self.rows.first[channel, row]),
            int(self.columns.first[channel, column]),
            int(self.rows.last[channel, row]) + 1,
            int(self.columns.last[channel, column]) + 1,
        )

    def largest(self) -> tuple[int, int]:
        """Height and width of the largest field, in pixels."""
        height, width = ((side.last - side.first).max() + 1 for side in (self.rows, self.columns))
        return int(height), int(width)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(rows, columns, channels) of the units."""
        return self.rows.first.shape[1], self.columns.first.shape[1], self.rows.first.shape[0]

    def of_every(self, change: str, *arguments: Any) -> "Fields":
        """The same change of both sides: a method of `Side`."""
        return Fields(getattr(self.rows, change)(*arguments), getattr(self.columns, change)(*arguments))

    def strided(self, steps: tuple[int, int]) -> "Fields":
        """Every `steps`-th row and column."""
        return Fields(*(Side(s.first[:, ::n], s.last[:, ::n]) for s, n in zip(self._sides, steps, strict=True)))

    @property
    def _sides(self) -> tuple[Side, Side]:
        return self.rows, self.columns


def merged(several: Sequence[Fields], channels: int) -> Fields:
    """What a sum of maps sees: all that its terms see. A term with fewer channels has zeros in the others."""

    def of(sides: Sequence[Side]) -> Side:
        positions = max(side.first.shape[1] for side in sides)
        first, last = np.full((channels, positions), np.iinfo(int).max), np.full((channels, positions), -1)
        for side in sides:
            count = side.first.shape[0]
            first[:count] = np.minimum(first[:count], side.first)
            last[:count] = np.maximum(last[:count], side.last)
        return Side(first, last)

    return Fields(of([fields.rows for fields in several]), of([fields.columns for fields in several]))


def concatenated(several: Sequence[Fields]) -> Fields:
    """Maps of one size joined along the channels."""

    def of(sides: Sequence[Side]) -> Side:
        return Side(np.concatenate([side.first for side in sides]), np.concatenate([side.last for side in sides]))

    return Fields(of([fields.rows for fields in several]), of([fields.columns for fields in several]))


def through(layer: Layer, inputs: Sequence[Fields], outputs: Shape) -> Fields:
    """The fields of a layer's outputs.

    Args:
      layer: the layer.
      inputs: the fields of each array that it takes.
      outputs: the shape of what it gives, with the batch.
    """
    channels = outputs[-1]
    if layer.kind == "concat":
        return concatenated(inputs)
    fields = inputs[0]
    if layer.kind in POINTWISE:
        return fields
    if layer.kind not in WITHIN_CHANNEL:
        fields = fields.of_every("joined")
    if len(outputs) != 4:
        return fields.of_every("everything").of_every("with_channels", channels)
    sides = []
    for axis, side in enumerate((fields.rows, fields.columns)):
        size, strides, before = window_along(layer, axis, side.first.shape[1])
        sides.append(side.windows(size, strides, before, outputs[1 + axis]).with_channels(channels))
    return Fields(*sides)


def window_along(layer: Layer, axis: int, positions: int) -> tuple[int, int, int]:
    """A layer's window along the rows (`axis` 0) or columns: its size, strides, and the padding before the map."""
    window = layer.window((1, positions, positions, 1))
    if layer.kind in ("maxpool", "avgpool") and hasattr(layer, "strides"):
        padding, ceil = getattr(layer, "padding", 0), getattr(layer, "ceil", False)
        before, _ = pool_padding(positions, window.size, window.stride, padding, ceil)
        return window.size, window.stride, before
    return window.size, window.stride, pairs(getattr(layer, "padding", 0))[axis][0]
