"""Networks whose channels are divided into towers that rarely meet, as those of AlexNet: who reads whom."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxcnn.inspection.drawing.items import Item

MOST = 4  # towers; more groups than that are a kind of convolution, not towers
CHANNELWISE = ("maxpool", "avgpool", "gap", "subsample", "bn", "dropout")  # no channel of these sees another


class Part(NamedTuple):
    """An item, or what a tower has of it.

    Attributes:
      tower: counted from 0; None for an item that isn't divided.
    """

    item: int
    tower: int | None


def tower_count(items: Sequence[Item]) -> int:
    """How many towers the network has; 1 if it isn't divided."""
    groups = [item.row.groups for item in items if item.row is not None and item.kind == "conv"]
    most = max(groups, default=1)
    return most if most <= MOST else 1


def parts(items: Sequence[Item], place: int) -> list[Part]:
    """The parts of an item: one for each tower, but for the image and the network's output."""
    towers, item = tower_count(items), items[place]
    whole = towers == 1 or item.row is None or place == len(items) - 1 or item.shape[-1] % towers
    return [Part(place, None)] if whole else [Part(place, tower) for tower in range(towers)]


def connections(items: Sequence[Item], place: int) -> list[tuple[Part, Part]]:
    """Which parts of its inputs each part of an item reads."""
    item = items[place]
    own = item.row is not None and (item.row.groups == tower_count(items) or item.kind in CHANNELWISE)
    return [
        (source, target)
        for read in item.inputs
        for source in parts(items, read)
        for target in parts(items, place)
        if not own or None in (source.tower, target.tower) or source.tower == target.tower
    ]
