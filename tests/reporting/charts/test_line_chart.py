"""Curves as SVG: every value where it belongs, gaps, legends, and text that isn't ours."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from jaxcnn.reporting.charts.axis import Axis
from jaxcnn.reporting.charts.line_chart import BOTTOM, HEIGHT, LEFT, MOST, RIGHT, TOP, WIDTH, Series, line_chart

LABELS = {"x_label": "step", "y_label": "loss", "alternative": "what it shows"}


def drawn(series: list[Series], **options) -> ElementTree.Element:
    """The SVG, which must be well-formed."""
    text = str(line_chart(series, **(LABELS | options)))
    return ElementTree.fromstring(text[text.index('<svg class="chart"') :])


def points(svg: ElementTree.Element) -> np.ndarray:
    return np.array([[float(point.attrib[name]) for name in ("cx", "cy")] for point in svg.iter("circle")])


def test_points_lie_where_their_values_say():
    axis = Axis(0.0, 10.0)
    svg = drawn([Series("training", [(0, 0.0), (5, 10.0), (10, 5.0)])], x_axis=axis, y_axis=axis)
    middle = ((LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2)
    expected = [[LEFT, HEIGHT - BOTTOM], [middle[0], TOP], [WIDTH - RIGHT, middle[1]]]
    np.testing.assert_allclose(points(svg), expected, atol=0.01)
    assert [title.text for title in svg.iter("title")][1] == "training: 10 at step 5"
    assert svg.attrib["role"] == "img" and svg.attrib["aria-label"] == "what it shows"


def test_what_is_not_there_is_a_gap():
    values = [(0, 1.0), (1, None), (2, 2.0), (3, float("nan")), (4, 3.0), (5, 4.0)]
    svg = drawn([Series("a", values)])
    assert len(points(svg)) == 4 and len(list(svg.iter("polyline"))) == 3


def test_values_of_a_logarithmic_axis_that_are_not_positive_are_gaps():
    svg = drawn([Series("a", [(0, 0.0), (1, 1.0)])], y_axis=Axis(0.1, 10.0, log=True))
    assert len(points(svg)) == 1


def test_stacked_areas_add_up():
    series = [Series("a", [(0, 1.0), (1, 2.0)]), Series("b", [(0, 3.0), (1, 1.0)], colour=1)]
    svg = drawn(series, stacked=True, y_axis=Axis(0.0, 4.0))
    share = (HEIGHT - BOTTOM - points(svg)[:, 1]) / (HEIGHT - BOTTOM - TOP) * 4
    np.testing.assert_allclose(share, [1, 2, 4, 3], atol=0.01)
    assert [title.text for title in svg.iter("title")] == [
        *("a: 1 at step 0", "a: 2 at step 1"),
        *("b: 3 at step 0", "b: 1 at step 1"),
    ], "a point says its own value"
    assert len([path for path in svg.iter("path") if path.attrib["class"].startswith("area")]) == 2


def test_of_many_points_the_first_and_the_last_are_drawn():
    svg = drawn([Series("a", [(step, float(step)) for step in range(10_000)])])
    titles = [title.text for title in svg.iter("title")]
    assert len(titles) == MOST and titles[0] == "a: 0 at step 0" and titles[-1] == "a: 9,999 at step 9,999"


@pytest.mark.parametrize("colour", range(8))
def test_the_legend_has_the_colour_of_the_curve(colour):
    text = str(line_chart([Series("<b>", [(0, 1.0)], colour=colour, dashed=True)], **LABELS))
    assert set(re.findall(r"series-\d", text)) == {f"series-{colour % 6 + 1}"} and "curve dashed" in text
    assert "<b>" not in text and "&lt;b&gt;" in text


def test_a_chart_without_values_is_an_empty_one():
    assert len(points(drawn([Series("a", [])]))) == 0
