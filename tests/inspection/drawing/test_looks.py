"""Colours can be told from the ground and read in both schemes; widths are those of the font; the file stands alone."""

import re
from pathlib import Path

import pytest

import jaxcnn
from jaxcnn.inspection.drawing import colours, draw
from jaxcnn.inspection.drawing.font import text_width, wrapped
from jaxcnn.inspection.drawing.words import KINDS, short
from jaxcnn.runs.layer_table import layer_table


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it, from 1 to 21."""
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_contrast(scheme):
    ground = colours.GROUND[scheme]
    assert contrast(colours.TEXT[scheme], ground) >= 7 and contrast(colours.MUTED[scheme], ground) >= 7
    for line in (colours.LINE, colours.SHORTCUT, colours.FRAME):
        assert contrast(line[scheme], ground) >= 3
    for name, (fill, border) in colours.FILLS.items():
        assert contrast(colours.TEXT[scheme], fill[scheme]) >= 7, name
        assert contrast(border[scheme], ground) >= 3, name


def test_both_schemes_are_in_the_file():
    style = colours.style()
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    assert colours.GROUND[0] in light and colours.GROUND[1] in dark
    used = set(re.findall(r"var\((--[\w-]+)\)", style))
    assert used and all(f"{name}:" in light and f"{name}:" in dark for name in used)


def test_every_kind_of_layer_has_a_colour_and_a_name():
    kinds = {row.kind for name in jaxcnn.names() for row in layer_table(jaxcnn.load(name)).rows}
    assert kinds <= set(KINDS) and "other" not in {colours.group(kind) for kind in kinds}
    assert colours.group("attention") == "other"


def test_the_file_needs_nothing_but_itself():
    text = draw(jaxcnn.load("googlenet_2014"))
    assert set(re.findall(r"https?://[^\"]*", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"url\(|@import|@font-face|<script|href=", text)
    assert "nan" not in text and "inf " not in text


def test_the_picture_in_the_docs_is_what_the_command_writes():
    picture = Path(__file__).parents[3] / "docs" / "img" / "alexnet.svg"
    assert picture.read_text(encoding="utf-8") == draw(jaxcnn.load("alexnet_2012"))


def test_widths_are_the_fonts():
    """DejaVu Sans: 2048 units; i has 569, W has 2025, a space 651; in bold, W has 2259."""
    assert text_width("iW i", 2048) == pytest.approx(2 * 569 + 2025 + 651)
    assert text_width("W", 2048, bold=True) == pytest.approx(2259)


def test_text_is_wrapped_at_spaces():
    lines = wrapped("one two three averyveryverylongword", text_width("one two", 10), 10)
    assert lines == ["one two", "three", "averyveryverylongword"]


def test_short_counts():
    counts = {
        0: "0",
        99_999: "99,999",
        307_456: "307 K",
        4_097_000: "4.1 M",
        724_406_816: "724 M",
        15_470_264_320: "15.5 G",
    }
    assert {count: short(count) for count in counts} == counts
