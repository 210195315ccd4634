"""A scene as an SVG file that needs nothing but itself."""

from xml.sax.saxutils import escape, quoteattr

from jaxcnn.inspection.drawing.colours import group, style
from jaxcnn.inspection.drawing.scene import Box, Line, Rect, Scene, Text

ROUND = 8  # pixels, the radius of lines' corners
HEAD = 5  # pixels, the length of an arrow's head


def svg(scene: Scene, width: float, height: float, *, title: str, description: str) -> str:
    """The scene, whose parts lie within (0, 0) and (width, height), as the text of an SVG file."""
    size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" class="net" role="img" aria-label={quoteattr(title)} {size}>'
    ground = f'<rect width="{number(width)}" height="{number(height)}" style="fill:var(--net-ground)"/>'
    parts = [
        opening,
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(description)}</desc>",
        f"<style>{style()}</style>",
        ground,
        *(_frame(frame.rect) for frame in scene.frames),
        *(_line(line) for line in scene.lines),
        *(_box(box) for box in scene.boxes),
        *(_text(text) for text in (*scene.texts, *(frame.text for frame in scene.frames))),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def number(value: float) -> str:
    """A coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0").replace("-0.0", "0")


def _points(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)


def _frame(rect: Rect) -> str:
    return _rectangle(*rect, extra=' class="frame" rx="6"')


def _rectangle(x: float, y: float, width: float, height: float, extra: str = "") -> str:
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f"<rect {place}{extra}/>"


def _text(text: Text) -> str:
    names = [name for name in ("start", "bold", "muted") if getattr(text, name)]
    kind = f' class="{" ".join(names)}"' if names else ""
    place = f'x="{number(text.x)}" y="{number(text.y)}" font-size="{number(text.size)}"'
    # The width as measured, whatever font there is.
    fixed = f'textLength="{number(text.width)}" lengthAdjust="spacingAndGlyphs"'
    return f"<text{kind} {place} {fixed}>{escape(text.text)}</text>"


def _box(box: Box) -> str:
    rows = f' data-rows="{" ".join(map(str, box.rows))}"' if box.rows else ""
    opening = f'<g class="box {group(box.kind)}" data-form="{box.form}"{rows}><title>{escape(box.title)}</title>'
    return opening + _shape(box) + "".join(map(_text, box.texts)) + "</g>"


def _shape(box: Box) -> str:
    x, y, width, height = box.rect
    if box.form == "sum":
        return f'<circle cx="{number(x + width / 2)}" cy="{number(y + height / 2)}" r="{number(width / 2)}"/>'
    if box.form == "planes":
        return _planes(box)
    depth = box.depth
    front = _rectangle(x, y + depth, width - depth, height - depth, "" if depth else ' rx="2"')
    if not depth:
        return front
    left, right, far = x, box.rect.right, box.rect.right - depth
    top = ((left, y + depth), (left + depth, y), (right, y), (far, y + depth))
    side = ((far, y + depth), (right, y), (right, box.rect.bottom - depth), (far, box.rect.bottom))
    return front + "".join(f'<polygon points="{_points(face)}"/>' for face in (top, side))


def _planes(box: Box) -> str:
    """Squares from the last, at the top right, to the first, at the bottom left."""
    x, y, width, height = box.rect
    step = box.depth / max(1, box.planes - 1)
    return "".join(
        _rectangle(x + step * place, y + box.depth - step * place, width - box.depth, height - box.depth)
        for place in reversed(range(box.planes))
    )


def _line(line: Line) -> str:
    kind = "line" + (" shortcut" if line.shortcut else "") + (" dashed" if line.dashed else "")
    (x, y), (before_x, before_y) = line.points[-1], line.points[-2]
    length = ((x - before_x) ** 2 + (y - before_y) ** 2) ** 0.5 or 1.0
    along = ((x - before_x) / length, (y - before_y) / length)
    base = (x - HEAD * along[0], y - HEAD * along[1])
    across = (-along[1] * HEAD / 2, along[0] * HEAD / 2)
    tips = ((x, y), (base[0] + across[0], base[1] + across[1]), (base[0] - across[0], base[1] - across[1]))
    name = "shortcut-head" if line.shortcut else "head"
    path = f'<path class="{kind}" d="{_path((*line.points[:-1], base))}"/>'
    return path + f'<polygon class="{name}" points="{_points(tips)}"/>'


def _path(points: tuple[tuple[float, float], ...]) -> str:
    """Straight from point to point, with the corners rounded."""
    steps = [f"M{_points(points[:1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        come, leave = _towards(corner, before), _towards(corner, after)
        steps.append(f"L{_points((come,))}Q{_points((corner, leave))}")
    return "".join([*steps, f"L{_points(points[-1:])}"])


def _towards(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """The point at most `ROUND` from `start` on the way to `end`, and at most half of the way."""
    length = ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5
    share = min(0.5, ROUND / length) if length else 0.0
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
