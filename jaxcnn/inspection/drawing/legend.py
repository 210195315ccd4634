"""What stands above a drawing: its name, the totals, what the colours, lines and sizes mean."""

from collections.abc import Sequence

from jaxcnn.inspection.drawing.colours import group
from jaxcnn.inspection.drawing.font import wrapped
from jaxcnn.inspection.drawing.items import LONGEST, Item
from jaxcnn.inspection.drawing.scene import Box, Line, Rect, Scene, Text
from jaxcnn.inspection.drawing.words import KINDS

SWATCH, SIZE, PITCH = 12, 10, 18  # pixels: a sample of a colour, the font, from line to line
SAMPLE = 26  # pixels, a sample of a line
FACTS = (
    "In each box: the layer's name, its kind and window (/2: stride 2), the output's height × width × channels, "
    "parameters, multiply–accumulates (MACs), and how many pixels of the image it sees. Point at a box for all of it."
)


def heading(name: str, paper: str, totals: str, notes: Sequence[str], scene: Scene, width: float) -> Scene:
    """The heading and the legend of a drawing, from (0, 0) down, at most `width` wide.

    Args:
      name: of the experiment and variant.
      paper: authors and year.
      totals: the network's numbers.
      notes: what the sizes mean, and what else there is to say.
      scene: whose kinds of boxes and lines the legend explains.
      width: in pixels.
    """
    head, y = Scene(), 34.0
    for text, size, bold in ((name, 16, True), (paper, 12, False), (totals, 11, False)):
        for line in wrapped(text, width, size, bold):
            head.texts.append(Text(line, 0, y, size, bold, not bold, start=True))
            y += size * 1.5
    y = _samples(head, scene, y + 4, width)
    for note in (*notes, FACTS):
        for line in wrapped(note, width, SIZE):
            head.texts.append(Text(line, 0, y, SIZE, muted=True, start=True))
            y += SIZE * 1.4
        y += 3
    return head


def fold_notes(items: Sequence[Item]) -> list[str]:
    """What is folded, a sentence for each run of equal blocks."""
    folds = dict.fromkeys(item.fold for item in items if item.fold)
    return [
        f"{fold.count} equal blocks, {fold.first} to {fold.last}, are drawn once (runs of more than {LONGEST} are)."
        for fold in folds
    ]


def _samples(head: Scene, scene: Scene, y: float, width: float) -> float:
    """A sample of each colour and kind of line, in lines; returns where the next text begins."""
    x = 0.0
    for sample, label in (*_colours(scene), *_kinds_of_line(scene)):
        length = SWATCH if isinstance(sample, Box) else SAMPLE
        text = Text(label, 0, 0, SIZE, start=True)
        if x and x + length + 5 + text.width > width:
            x, y = 0.0, y + PITCH
        moved = sample.moved(x, y - 4)
        (head.boxes if isinstance(moved, Box) else head.lines).append(moved)  # pyright: ignore[reportArgumentType]
        head.texts.append(text.moved(x + length + 5, y))
        x += length + text.width + 20
    return y + PITCH


def _colours(scene: Scene) -> list[tuple[Box, str]]:
    """A small box of each colour, around y = 0, with the names of the kinds that have it."""
    names: dict[str, list[str]] = {}
    for kind in dict.fromkeys(box.kind for box in scene.boxes):
        names.setdefault(group(kind), []).append(kind)
    rect = Rect(0, -SWATCH / 2, SWATCH, SWATCH)
    found = []
    for kinds in names.values():
        label = ", ".join(dict.fromkeys(_label(kind) for kind in kinds))
        found.append((Box(rect, kinds[0], f"colour of: {label}", form="sample"), label))
    return found


def _label(kind: str) -> str:
    """What the legend calls a kind: with its abbreviation, if that stands in the drawing."""
    name = KINDS.get(kind, kind)
    return f"{name} ({kind})" if kind in ("fc", "gap", "lrn", "bn", "rbf") else name


def _kinds_of_line(scene: Scene) -> list[tuple[Line, str]]:
    points = ((0.0, 0.0), (float(SAMPLE), 0.0))
    shortcuts = [line for line in scene.lines if line.shortcut]
    found = []
    if any(not line.dashed for line in shortcuts):
        found.append((Line(points, shortcut=True), "shortcut"))
    if any(line.dashed for line in shortcuts):
        found.append((Line(points, dashed=True, shortcut=True), "shortcut where the shape changes, or projected"))
    return found
