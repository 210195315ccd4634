"""Small images as PNG: thumbnails, and the filters of a layer side by side."""

import io
import math

import numpy as np
from PIL import Image

GAP = 4  # pixels between filters
ACROSS = 480  # pixels: how wide a grid of filters is, about


def thumbnail(image: np.ndarray, side: int) -> bytes:
    """A PNG of at most `side` pixels on each side; smaller images stay as they are.

    Args:
      image: uint8 [height, width, 1 or 3].
      side: pixels.
    """
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.thumbnail((side, side))
    return png(picture)


def filter_grid(filters: np.ndarray) -> bytes:
    """A PNG of a layer's filters in the order of its maps, row by row, each stretched to the whole range from 0 to 255.

    Args:
      filters: float [height, width, channels, filters]. Three channels are shown as colours, one as grey; of any other
        number the mean is shown.
    """
    _, width, channels, count = filters.shape
    shown = filters if channels in (1, 3) else filters.mean(axis=2, keepdims=True)
    low, high = shown.min(axis=(0, 1, 2)), shown.max(axis=(0, 1, 2))
    span = np.where(high > low, high - low, 1.0)
    levels = np.round(255 * (shown - low) / span).astype(np.uint8)
    columns = math.ceil(math.sqrt(count * 1.5))
    rows = math.ceil(count / columns)
    times = max((ACROSS // columns - GAP) // width, 1)
    levels = levels.repeat(times, axis=0).repeat(times, axis=1)
    tall, wide = levels.shape[:2]
    grid = np.zeros((rows * (tall + GAP) - GAP, columns * (wide + GAP) - GAP, shown.shape[2] + 1), np.uint8)
    for number in range(count):
        top, left = number // columns * (tall + GAP), number % columns * (wide + GAP)
        grid[top : top + tall, left : left + wide, :-1] = levels[..., number]
        grid[top : top + tall, left : left + wide, -1] = 255  # between the filters the page is seen
    return png(Image.fromarray(grid))


def png(picture: Image.Image) -> bytes:
    """The bytes of a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
