"""The lines between the boxes of a column."""

from jaxcnn.inspection.drawing.scene import Line, Rect

FORK = 26  # pixels between a fork and its branches, and between the branches and where they meet
ARC = 16  # pixels from the widest box to a shortcut's arc


def straight(above: Rect, below: Rect) -> Line:
    """Down from a box to the one below it."""
    return Line(((above.middle[0], above.bottom), (below.middle[0], below.y)))


def branch(above: Rect, below: Rect, *, shortcut: bool = False) -> Line:
    """From the bottom of a box to the top of one that lies lower and to a side; dashed if it leads to a projection."""
    (x, _), (target, _) = above.middle, below.middle
    if x == target:
        return straight(above, below)
    level = below.y - FORK / 2
    return Line(((x, above.bottom), (x, level), (target, level), (target, below.y)), shortcut, shortcut)


def projection(above: Rect, below: Rect) -> Line:
    """From the last box of a shortcut with a projection to the right side of the sum."""
    (x, _), (_, middle) = above.middle, below.middle
    return Line(((x, above.bottom), (x, middle), (below.right, middle)), dashed=True, shortcut=True)


def arc(above: Rect, between: Rect, below: Rect, *, dashed: bool) -> Line:
    """A shortcut around the boxes between two items, to the right side of the second."""
    level, x, middle = between.y - FORK / 2, between.right + ARC, below.middle[1]
    points = ((above.middle[0], level), (x, level), (x, middle), (below.right, middle))
    return Line(points, dashed, shortcut=True)


def side_arc(above: Rect, below: Rect, right: float, number: int) -> Line:
    """Around whatever stands between two boxes of a column that ends at x = `right`; each number has its own way."""
    x = right + ARC + 8 * number
    start, end = (above.middle[1], below.middle[1])
    return Line(((above.right, start), (x, start), (x, end), (below.right, end)), shortcut=True)


def head(beside: Rect, below: Rect) -> Line:
    """From the right side of a box to the top of an auxiliary head."""
    return Line(((beside.right, beside.middle[1]), (below.middle[0], beside.middle[1]), (below.middle[0], below.y)))


def next_column(last: Rect, middle: float, first: Rect) -> Line:
    """From the end of a column up between the two, at x = `middle`, to the top of the next column."""
    low, high = last.bottom + 12, first.y - 14
    (x, _), (target, _) = last.middle, first.middle
    return Line(((x, last.bottom), (x, low), (middle, low), (middle, high), (target, high), (target, first.y)))
