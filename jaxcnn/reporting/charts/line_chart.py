"""Curves as inline SVG. Every point says its numbers when the pointer rests on it; no script is needed."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from jaxcnn.reporting.charts.axis import Axis, plain
from jaxcnn.reporting.pages.page import fill

WIDTH, HEIGHT = 520, 300  # units of the drawing, which fills the width that there is
LEFT, RIGHT, TOP, BOTTOM = 94, 14, 12, 46
COLOURS = 6  # --series-1 to --series-6 of the style
MOST = 150  # points of a curve; of more, some are left out


@dataclasses.dataclass(frozen=True)
class Series:
    """A curve.

    Attributes:
      label: plain text.
      points: (x, y) in ascending order of x; None, or what isn't finite, is a gap.
      colour: from 0 on; there are `COLOURS`, then they repeat.
      dashed: tells curves of one colour apart.
      marked: whether its points can be pointed at.
    """

    label: str
    points: Sequence[tuple[float, float | None]]
    colour: int = 0
    dashed: bool = False
    marked: bool = True

    @property
    def number(self) -> int:
        """Of its colour in the style."""
        return self.colour % COLOURS + 1


class Point(NamedTuple):
    """A point of the drawing, with what it says."""

    x: float
    y: float
    title: str


def line_chart(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    alternative: str,
    x_axis: Axis | None = None,
    y_axis: Axis | None = None,
    stacked: bool = False,
) -> Markup:
    """A chart with a legend, for `pages.page.figure`.

    Args:
      series: the curves.
      x_label, y_label: plain text, with the unit.
      alternative: what the chart shows, for those who can't see it.
      x_axis, y_axis: by default what the values need.
      stacked: whether each curve's values are added to those before it, which all have the same x; the areas
        between them are filled.
    """
    kept = [dataclasses.replace(one, points=thinned(one.points)) for one in series]
    heights = [[y for _, y in one.points] for one in kept]
    if stacked:
        heights = _summed(heights)
    known = [y for column in heights for y in column if _is_known(y) and y is not None]
    x_axis = x_axis or Axis.of([x for one in kept for x, _ in one.points], log=False)
    y_axis = y_axis or Axis.of(known, log=False if stacked else None, zero=stacked)
    lines = [_segments(one, column, x_axis, y_axis, x_label) for one, column in zip(kept, heights, strict=True)]
    return fill(
        "line_chart.svg.jinja",
        curves=list(zip(kept, lines, strict=True)),
        areas=_areas(lines) if stacked else [],
        x_marks=[(_across(x_axis, value), plain(value)) for value in x_axis.marks()],
        y_marks=[(_down(y_axis, value), plain(value)) for value in y_axis.marks()],
        box={"left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "bottom": HEIGHT - BOTTOM},
        size={"width": WIDTH, "height": HEIGHT},
        x_label=x_label,
        y_label=f"{y_label}, logarithmic" if y_axis.log else y_label,
        alternative=alternative,
    )


def thinned(points: Sequence[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    """At most `MOST` of the points, evenly chosen, the first and the last among them."""
    if len(points) <= MOST:
        return list(points)
    return [points[round(place * (len(points) - 1) / (MOST - 1))] for place in range(MOST)]


def _summed(heights: list[list[float | None]]) -> list[list[float | None]]:
    below = [0.0] * len(heights[0]) if heights else []
    found: list[list[float | None]] = []
    for column in heights:
        below = [under + (value or 0.0) for under, value in zip(below, column, strict=True)]
        found.append(list(below))
    return found


def _is_known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _across(axis: Axis, value: float) -> float:
    return round(LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT), 2)


def _down(axis: Axis, value: float) -> float:
    return round(HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM), 2)


def _segments(
    one: Series, heights: Sequence[float | None], x_axis: Axis, y_axis: Axis, x_label: str
) -> list[list[Point]]:
    """The stretches of a curve between its gaps. A point says its own value, also where it is stacked on others."""
    found: list[list[Point]] = [[]]
    for (x, value), height in zip(one.points, heights, strict=True):
        if not _is_known(height) or height is None or value is None or (y_axis.log and height <= 0):
            found.append([])
            continue
        title = f"{one.label}: {plain(value)} at {x_label} {plain(x)}"
        found[-1].append(Point(_across(x_axis, x), _down(y_axis, height), title))
    return [segment for segment in found if segment]


def _areas(lines: list[list[list[Point]]]) -> list[list[Point]]:
    """For each curve, the outline of what lies between it and the one below."""
    floor, found = float(HEIGHT - BOTTOM), []
    below: list[Point] = []
    for segments in lines:
        line = [point for segment in segments for point in segment]
        under = below or [Point(point.x, floor, "") for point in line]
        found.append([*line, *reversed(under)])
        below = line
    return found
