"""The spine of a network: the items that everything passes through, and between them the lanes side by side."""

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

from jaxcnn.inspection.drawing.items import Item
from jaxcnn.runs.layer_table import is_auxiliary


@dataclasses.dataclass(frozen=True)
class Stretch:
    """A part of the network from one item of the spine to the next.

    Attributes:
      lanes: places of the items in between; those of one lane depend on each other, those of two lanes don't.
      end: the place of the item of the spine in which the lanes meet.
      simple: whether each lane is a chain from the item before the stretch to its end. If not, there is one lane.
    """

    lanes: tuple[tuple[int, ...], ...]
    end: int
    simple: bool = True


def main_path(items: Sequence[Item]) -> list[int]:
    """The places of the items that the network's output depends on: all but auxiliary heads."""
    read = {place for item in items for place in item.inputs}
    ends = [place for place in range(len(items)) if place not in read]
    own = [place for place in ends if (row := items[place].row) is None or not is_auxiliary(row.name)]
    needed, waiting = set(), [max(own or ends)]
    while waiting:
        place = waiting.pop()
        if place not in needed:
            needed.add(place)
            waiting += items[place].inputs
    return sorted(needed)


def stretches(items: Sequence[Item], main: Sequence[int]) -> list[Stretch]:
    """The network from its image on, along the spine.

    An item is on the spine if no item of `main` before it is read by one after it.
    """
    reach = {place: place for place in main}  # the newest item that reads it
    for place in main:
        for read in items[place].inputs:
            reach[read] = max(reach[read], place)
    found, between, furthest = [], [], -1
    for place in main:
        if furthest <= place:
            found.append(_stretch(items, between, place))
            between = []
        else:
            between.append(place)
        furthest = max(furthest, reach[place])
    return found


def _stretch(items: Sequence[Item], between: Sequence[int], end: int) -> Stretch:
    lanes = _lanes(items, between)
    chains = all(items[after].inputs == (before,) for lane in lanes for before, after in pairwise(lane))
    starts = {place for lane in lanes for place in items[lane[0]].inputs}
    meet = {lane[-1] for lane in lanes}
    if chains and len(starts) <= 1 and meet | starts >= set(items[end].inputs) >= meet:
        return Stretch(lanes, end)
    return Stretch((tuple(between),), end, simple=False) if between else Stretch((), end)


def side_heads(items: Sequence[Item], main: Sequence[int]) -> list[tuple[int, ...]]:
    """The places of the items beside the main path, a tuple for each head."""
    return list(_lanes(items, sorted(set(range(len(items))) - set(main))))


def _lanes(items: Sequence[Item], places: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """The items divided into groups that don't read each other, in their order."""
    lane_of: dict[int, list[int]] = {}
    for place in places:
        joined = [place]
        for lane in {id(lane_of[read]): lane_of[read] for read in items[place].inputs if read in lane_of}.values():
            joined = [*lane, *joined]
        joined.sort()
        lane_of |= {member: joined for member in joined}
    lanes = {id(lane): tuple(lane) for lane in lane_of.values()}
    return tuple(sorted(lanes.values()))
