"""A column of boxes from top to bottom: the spine in the middle, branches side by side, shortcuts as arcs to the right.

The middle of the spine is at x = 0.
"""

import dataclasses
from collections.abc import Sequence

from jaxcnn.inspection.drawing.boxes import STRIPS, box_of, size_of
from jaxcnn.inspection.drawing.items import Item
from jaxcnn.inspection.drawing.routes import FORK, arc, branch, projection, side_arc, straight
from jaxcnn.inspection.drawing.scene import Frame, Rect, Scene, Text, around
from jaxcnn.inspection.drawing.spine import Stretch
from jaxcnn.runs.layer_table import LayerTable

GAP, STICK = 16, 2  # pixels between boxes; above a strip
BETWEEN = 14  # pixels between branches
HEADING = 22  # pixels for the text of a frame


class Column:
    """A column, filled from the top."""

    def __init__(self, table: LayerTable, items: Sequence[Item]) -> None:
        self.table, self.items = table, items
        self.scene = Scene()
        self.rects: dict[int, Rect] = {}  # of the items that stand
        self.spine: list[int] = []
        self.y = 0.0

    def add(self, stretch: Stretch) -> None:
        """Places a stretch of the network below what is there."""
        end, top = stretch.end, self.y
        start = self.spine[-1] if self.spine else None
        framed = self._name_of(stretch) if stretch.lanes else ""
        if stretch.lanes:
            self.y += HEADING if framed else 0
            self._place_lanes(stretch)
            many = len(stretch.lanes) > 1 and not self._adds(stretch)
            self.place(end, 0.0, FORK if many else GAP)
        else:
            self.place(end, 0.0, 0 if start is None else self._gap_above(end))
        before = len(self.scene.lines)
        if start is not None:
            self._connect(stretch, start)
        self.spine.append(end)
        if framed:
            self._frame(stretch, top + 8, framed, before)

    def place(self, place: int, x: float, gap: float) -> None:
        """A box `gap` pixels below what is there, with its middle at x."""
        width, height = size_of(self.items[place])
        rect = Rect(x - width / 2, self.y + gap, width, height)
        self.rects[place] = rect
        self.scene.boxes.append(box_of(self.table, self.items[place], rect))
        self.y = rect.bottom

    def chain(self, places: Sequence[int], x: float, gap: float) -> None:
        """Boxes one below the other, the first `gap` pixels below what is there."""
        for number, place in enumerate(places):
            self.place(place, x, self._gap_above(place) if number else gap)

    def link(self, places: Sequence[int]) -> None:
        """The lines between boxes that stand one below the other: straight to the next one, else an arc of its own."""
        column = around(self.rects[place] for place in places)
        above = dict(zip(places[1:], places, strict=False))
        arcs = 0
        for place in places:
            for read in self.items[place].inputs:
                if read == above.get(place):
                    if self.items[place].kind not in STRIPS:
                        self.scene.lines.append(straight(self.rects[read], self.rects[place]))
                elif read in places:
                    self.scene.lines.append(side_arc(self.rects[read], self.rects[place], column.right, arcs))
                    arcs += 1

    def _gap_above(self, place: int) -> float:
        return STICK if self.items[place].kind in STRIPS else GAP

    def _adds(self, stretch: Stretch) -> bool:
        return self.items[stretch.end].kind == "add"

    def _place_lanes(self, stretch: Stretch) -> None:
        """The lanes side by side; of those that are added, the first is in the middle."""
        widths = [max(size_of(self.items[place])[0] for place in lane) for lane in stretch.lanes]
        x = -(widths[0] if self._adds(stretch) else sum(widths) + BETWEEN * (len(widths) - 1)) / 2
        top, bottom = self.y, self.y
        for lane, width in zip(stretch.lanes, widths, strict=True):
            self.y = top
            self.chain(lane, x + width / 2, FORK)
            x, bottom = x + width + BETWEEN, max(bottom, self.y)
        self.y = bottom

    def _connect(self, stretch: Stretch, start: int) -> None:
        """The lines from `start` to the lanes, from these to the stretch's end, and past them."""
        rects, end, lines = self.rects, stretch.end, self.scene.lines
        if not stretch.simple:
            self.link([start, *stretch.lanes[0], end])
            return
        for number, lane in enumerate(stretch.lanes):
            aside = self._adds(stretch) and number > 0
            lines.append(branch(rects[start], rects[lane[0]], shortcut=aside))
            last = rects[lane[-1]]
            lines.append(projection(last, rects[end]) if aside else branch(last, rects[end]))
            self.link(lane)
        if start not in self.items[end].inputs:
            return
        if stretch.lanes:
            within = around(rects[place] for lane in stretch.lanes for place in lane)
            changes = self.items[start].shape != self.items[end].shape
            lines.append(arc(rects[start], within, rects[end], dashed=changes))
        elif self.items[end].kind not in STRIPS:
            lines.append(straight(rects[start], rects[end]))

    def _name_of(self, stretch: Stretch) -> str:
        """What a frame around the stretch is called: a folded run of blocks, or a module; "" without a frame."""
        item = self.items[stretch.lanes[0][0]]
        if item.fold:
            return f"× {item.fold.count}: {item.fold.first} … {item.fold.last}"
        module = len(stretch.lanes) > 1 and not self._adds(stretch) and bool(item.block)
        return f"module {item.block}" if module else ""

    def _frame(self, stretch: Stretch, top: float, name: str, before: int) -> None:
        """A border around a stretch, whose lines begin with number `before`, with its name at the top."""
        places = [place for lane in stretch.lanes for place in lane] + [stretch.end]
        extent = around(self.rects[place] for place in places)
        text = Text(name, extent.x, top + 14, 10, bold=True, start=True)
        if text.rect.right > -BETWEEN:  # it would cross the line down the middle
            text = dataclasses.replace(text, x=BETWEEN)
        arcs = [x for line in self.scene.lines[before:] if line.shortcut for x, _ in line.points]
        right = max([extent.right, text.rect.right, *arcs])
        rect = Rect(extent.x - 8, top, right - extent.x + 16, extent.bottom - top + 8)
        self.scene.frames.append(Frame(rect, text))
        self.y += 14
