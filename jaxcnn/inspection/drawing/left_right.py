"""A network from left to right: a figure for each layer's output, a row for each tower, and captions below."""

from collections.abc import Callable, Sequence

from jaxcnn.inspection.drawing.figures import Figure
from jaxcnn.inspection.drawing.items import Item
from jaxcnn.inspection.drawing.scene import Box, Frame, Line, Rect, Scene, Text, around
from jaxcnn.inspection.drawing.towers import Part, connections, parts, tower_count
from jaxcnn.inspection.drawing.words import caption, sizes, title
from jaxcnn.models.layers.shapes import Shape

GAP = 22  # pixels between the layers; the arrows take it
BETWEEN = 34  # pixels between towers
PITCH = 13  # pixels from line to line of a caption
MARGIN = 7  # pixels from a frame to what is in it

Form = Callable[[Shape, str], Figure]


def left_right(items: Sequence[Item], form: Form, *, mlpconv: bool) -> Scene:
    """The network as figures from left to right.

    Args:
      items: what is drawn, in which each item reads the one before it.
      form: the figure of a shape.
      mlpconv: whether a convolution and the 1×1 convolutions behind it are framed, as in Network in Network.
    """
    scene, places = Scene(), {}
    height = _tower_height(items, form)
    bottom = tower_count(items) * (height + BETWEEN) - BETWEEN
    x = 0.0
    for place in range(len(items)):
        words = _caption(items, place)
        figures = {part: _figure(items, part, form) for part in parts(items, place)}
        width = max(*(text.width for text in words), *(figure.width for figure in figures.values()))
        for part, figure in figures.items():
            middle = bottom / 2 if part.tower is None else part.tower * (height + BETWEEN) + height / 2
            left = x + (width - figure.width) / 2
            rect = Rect(left, middle - figure.height / 2, figure.width, figure.height)
            places[part] = rect
            scene.boxes.append(_box(items[place], part, tower_count(items), rect, figure))
        scene.texts += [text.moved(x + width / 2, bottom + 24) for text in words]
        x += width + GAP
    for place in range(len(items)):
        scene.lines += [_arrow(places[source], places[target]) for source, target in connections(items, place)]
    if mlpconv:
        _frame_stacks(scene, items, places)
    return scene


def _tower_height(items: Sequence[Item], form: Form) -> float:
    """The height of the highest figure of a tower; of what isn't divided, its share of all towers."""
    towers = tower_count(items)
    heights = []
    for part in (part for place in range(len(items)) for part in parts(items, place)):
        height = _figure(items, part, form).height
        heights.append(height if part.tower is not None else (height - (towers - 1) * BETWEEN) / towers)
    return max(heights)


def _shape(items: Sequence[Item], part: Part) -> Shape:
    """The shape of a part."""
    shape = items[part.item].shape
    return shape if part.tower is None else (*shape[:-1], shape[-1] // tower_count(items))


def _figure(items: Sequence[Item], part: Part, form: Form) -> Figure:
    return form(_shape(items, part), items[part.item].kind)


def _box(item: Item, part: Part, towers: int, rect: Rect, figure: Figure) -> Box:
    said = f"image: {sizes(item.shape)}" if item.row is None else title(item.row)
    said += "" if part.tower is None else f"; tower {part.tower + 1} of {towers}"
    form = "planes" if figure.planes else "cuboid"
    return Box(rect, item.kind, said, item.rows, form=form, depth=figure.depth, planes=figure.planes)


def _caption(items: Sequence[Item], place: int) -> list[Text]:
    """The lines below a layer, around x = 0 from y = 0 on."""
    item, count = items[place], len(parts(items, place))
    shape = sizes(_shape(items, parts(items, place)[0]))
    maps = f"({shape})" if len(item.shape) > 1 else shape
    shape = f"{count} × {maps}" if count > 1 else shape
    words = ["image", shape] if item.row is None else caption(item.row, shape)
    return [Text(text, 0, PITCH * number, 10, number == 0, number > 2) for number, text in enumerate(words)]


def _arrow(source: Rect, target: Rect) -> Line:
    """From the right side of a figure to the left side of another."""
    return Line(((source.right, source.middle[1]), (target.x, target.middle[1])))


def _frame_stacks(scene: Scene, items: Sequence[Item], places: dict[Part, Rect]) -> None:
    """A border around each mlpconv layer: a convolution, and the 1×1 convolutions that follow it."""
    top = min(rect.y for rect in places.values()) - 26
    for number, stack in enumerate(_stacks(items), start=1):
        rects = [places[part] for place in stack for part in parts(items, place)]
        words = [text.rect for text in scene.texts if _is_below(text, around(rects))]
        inside = around([*rects, *words]).grown(MARGIN)
        rect = Rect(inside.x, top, inside.width, inside.bottom - top)
        text = Text(f"mlpconv {number}", rect.x + MARGIN, top + 16, 11, bold=True, start=True)
        scene.frames.append(Frame(rect, text))


def _is_below(text: Text, rect: Rect) -> bool:
    return rect.x <= text.rect.middle[0] <= rect.right


def _stacks(items: Sequence[Item]) -> list[list[int]]:
    """The convolutions of each mlpconv layer."""
    stacks: list[list[int]] = []
    for place, item in enumerate(items):
        if item.kind == "conv" and item.row is not None:
            if item.row.window.size > 1 or not stacks:
                stacks.append([])
            stacks[-1].append(place)
    return stacks
