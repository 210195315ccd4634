"""The parts of an SVG file, read back from its coordinates alone."""

import re
import xml.etree.ElementTree as ElementTree
from typing import NamedTuple

NAMESPACE = "{http://www.w3.org/2000/svg}"
ASCENT, DESCENT = 0.76, 0.24  # of a font's size; DejaVu Sans has capitals of 0.73 and brackets that reach 0.24 below


class Area(NamedTuple):
    """A rectangle by its sides, and what is there."""

    left: float
    top: float
    right: float
    bottom: float
    what: str = ""

    def holds(self, other: "Area", slack: float = 0.15) -> bool:
        """Whether the other lies within this one; coordinates are rounded to tenths."""
        across = self.left - slack <= other.left and other.right <= self.right + slack
        return across and self.top - slack <= other.top and other.bottom <= self.bottom + slack

    def overlaps(self, other: "Area", slack: float = 0.15) -> bool:
        across = self.left + slack < other.right and other.left + slack < self.right
        return across and self.top + slack < other.bottom and other.top + slack < self.bottom


class Box(NamedTuple):
    """A box of the drawing: where it is, its texts, its title, and the rows of the layer table that it stands for."""

    area: Area
    texts: list[Area]
    title: str
    rows: list[int]
    form: str


class Parts(NamedTuple):
    """All that a drawing consists of."""

    whole: Area
    boxes: list[Box]
    texts: list[Area]  # those in boxes too
    lines: list[list[tuple[float, float]]]


def text_area(element: ElementTree.Element) -> Area:
    x, y, size, width = (float(element.attrib[name]) for name in ("x", "y", "font-size", "textLength"))
    left = x if "start" in element.get("class", "").split() else x - width / 2
    return Area(left, y - ASCENT * size, left + width, y + DESCENT * size, element.text or "")


def shape_area(element: ElementTree.Element) -> Area | None:
    """Where a rectangle, a circle or a polygon is."""
    name, given = element.tag.removeprefix(NAMESPACE), element.attrib
    if name == "rect":
        x, y, width, height = (float(given.get(key, 0)) for key in ("x", "y", "width", "height"))
        return Area(x, y, x + width, y + height)
    if name == "circle":
        x, y, radius = (float(given[key]) for key in ("cx", "cy", "r"))
        return Area(x - radius, y - radius, x + radius, y + radius)
    if name == "polygon":
        return hull([Area(x, y, x, y) for x, y in points(given["points"])])
    return None


def hull(areas: list[Area]) -> Area:
    left, top = min(area.left for area in areas), min(area.top for area in areas)
    return Area(left, top, max(area.right for area in areas), max(area.bottom for area in areas))


def points(text: str) -> list[tuple[float, float]]:
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", text)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def parts(text: str) -> Parts:
    """The parts of an SVG file."""
    root = ElementTree.fromstring(text)
    _, _, width, height = (float(number) for number in root.attrib["viewBox"].split())
    boxes = []
    for group in root.iter(f"{NAMESPACE}g"):
        area = hull([area for element in group if (area := shape_area(element))])
        texts = [text_area(element) for element in group.iter(f"{NAMESPACE}text")]
        title = group.findtext(f"{NAMESPACE}title", "")
        rows = [int(row) for row in group.get("data-rows", "").split()]
        boxes.append(Box(area, texts, title, rows, group.attrib["data-form"]))
    lines = [points(path.attrib["d"]) for path in root.iter(f"{NAMESPACE}path")]
    texts = [text_area(element) for element in root.iter(f"{NAMESPACE}text")]
    return Parts(Area(0, 0, width, height), boxes, texts, lines)


def overlapping(areas: list[Area]) -> list[tuple[Area, Area]]:
    """All pairs that overlap."""
    ordered, found = sorted(areas, key=lambda area: area.top), []
    for place, area in enumerate(ordered):
        for other in ordered[place + 1 :]:
            if other.top >= area.bottom:
                break
            if area.overlaps(other):
                found.append((area, other))
    return found
