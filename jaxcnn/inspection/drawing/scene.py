"""What a drawing consists of: boxes, lines, frames and texts, with their places in pixels. x runs right, y down."""

import dataclasses
from collections.abc import Iterable
from typing import Literal, NamedTuple

from jaxcnn.inspection.drawing.font import ASCENT, DESCENT, text_width


class Rect(NamedTuple):
    """An upright rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    def moved(self, x: float, y: float) -> "Rect":
        return self._replace(x=self.x + x, y=self.y + y)

    def grown(self, margin: float) -> "Rect":
        return Rect(self.x - margin, self.y - margin, self.width + 2 * margin, self.height + 2 * margin)

    def overlaps(self, other: "Rect") -> bool:
        """Whether the two share more than an edge."""
        beside = self.right <= other.x or other.right <= self.x
        return not beside and self.bottom > other.y and other.bottom > self.y

    def contains(self, other: "Rect") -> bool:
        across = self.x <= other.x and other.right <= self.right
        return across and self.y <= other.y and other.bottom <= self.bottom


def around(rects: Iterable[Rect]) -> Rect:
    """The smallest rectangle that holds all of them."""
    rects = list(rects)
    x, y = min(rect.x for rect in rects), min(rect.y for rect in rects)
    return Rect(x, y, max(rect.right for rect in rects) - x, max(rect.bottom for rect in rects) - y)


@dataclasses.dataclass(frozen=True)
class Text:
    """A line of text.

    Attributes:
      x, y: the middle of its baseline, or with `start` its left end.
      size: of the font, in pixels.
    """

    text: str
    x: float
    y: float
    size: float = 10
    bold: bool = False
    muted: bool = False
    start: bool = False

    @property
    def width(self) -> float:
        return text_width(self.text, self.size, self.bold)

    @property
    def rect(self) -> Rect:
        x = self.x if self.start else self.x - self.width / 2
        return Rect(x, self.y - ASCENT * self.size, self.width, (ASCENT + DESCENT) * self.size)

    def moved(self, x: float, y: float) -> "Text":
        return dataclasses.replace(self, x=self.x + x, y=self.y + y)


Form = Literal["box", "cuboid", "planes", "sum", "sample"]


@dataclasses.dataclass(frozen=True)
class Box:
    """A layer, or a place where arrays meet.

    Attributes:
      rect: all of it; of a cuboid with the receding sides, of planes with every plane.
      kind: of the layer, which decides the colour.
      title: all that the layer table says of it.
      rows: the rows of the layer table that it stands for.
      depth: of a cuboid, how far it recedes to the top right; of planes, how far the last is from the first.
      planes: how many there are.
    """

    rect: Rect
    kind: str
    title: str
    rows: range = range(0)
    texts: tuple[Text, ...] = ()
    form: Form = "box"
    depth: float = 0
    planes: int = 1

    def moved(self, x: float, y: float) -> "Box":
        texts = tuple(text.moved(x, y) for text in self.texts)
        return dataclasses.replace(self, rect=self.rect.moved(x, y), texts=texts)


@dataclasses.dataclass(frozen=True)
class Line:
    """Where data goes: straight from point to point, with rounded corners, and an arrow's head at the end."""

    points: tuple[tuple[float, float], ...]
    dashed: bool = False
    shortcut: bool = False
    head: bool = True

    def moved(self, x: float, y: float) -> "Line":
        return dataclasses.replace(self, points=tuple((px + x, py + y) for px, py in self.points))


@dataclasses.dataclass(frozen=True)
class Frame:
    """A border around boxes that belong together, with its text at the top left."""

    rect: Rect
    text: Text

    def moved(self, x: float, y: float) -> "Frame":
        return Frame(self.rect.moved(x, y), self.text.moved(x, y))


@dataclasses.dataclass
class Scene:
    """All parts of a drawing, or of a part of it."""

    boxes: list[Box] = dataclasses.field(default_factory=list)
    lines: list[Line] = dataclasses.field(default_factory=list)
    frames: list[Frame] = dataclasses.field(default_factory=list)
    texts: list[Text] = dataclasses.field(default_factory=list)

    def extend(self, other: "Scene") -> None:
        """Takes in all parts of another scene."""
        self.boxes += other.boxes
        self.lines += other.lines
        self.frames += other.frames
        self.texts += other.texts

    def moved(self, x: float, y: float) -> "Scene":
        return Scene(
            [box.moved(x, y) for box in self.boxes],
            [line.moved(x, y) for line in self.lines],
            [frame.moved(x, y) for frame in self.frames],
            [text.moved(x, y) for text in self.texts],
        )

    @property
    def extent(self) -> Rect:
        """The smallest rectangle that holds everything."""
        points = [Rect(x, y, 0, 0) for line in self.lines for x, y in line.points]
        parts = [part.rect for part in (*self.boxes, *self.frames, *self.all_texts)]
        return around([*parts, *points])

    @property
    def all_texts(self) -> list[Text]:
        """The texts within boxes and frames too."""
        within = [text for box in self.boxes for text in box.texts]
        return [*self.texts, *within, *(frame.text for frame in self.frames)]
