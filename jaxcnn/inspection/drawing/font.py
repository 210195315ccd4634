"""How wide a text is: by the metrics of DejaVu Sans, which matplotlib brings along.

The drawing names each text's width (`textLength`), so that it stays the same where another font stands in.
"""

import functools
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font, LoadFlags

FAMILY = "DejaVu Sans, Verdana, sans-serif"
ASCENT, DESCENT = 0.76, 0.24  # of the font's size: what its letters, figures and brackets take above and below the line
CENTRE = 0.33  # of the font's size: how far below the middle of a box the line must be for a text to look centred


@functools.cache
def _font(bold: bool) -> FT2Font:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return FT2Font(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)))


@functools.cache
def _advance(letter: str, bold: bool) -> float:
    """The width of a letter, in units of the font's size."""
    font = _font(bold)
    return font.load_char(ord(letter), flags=LoadFlags.NO_SCALE).horiAdvance / font.units_per_EM


def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line of text in pixels, without kerning, for a font of this size in pixels."""
    return size * sum(_advance(letter, bold) for letter in text)


def wrapped(text: str, width: float, size: float, bold: bool = False) -> list[str]:
    """The text in lines of at most `width` pixels, broken at spaces; a longer word has a line of its own."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, bold) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
