"""Small images as PNG: thumbnails, and the filters of a layer side by side."""

import io
import math

import numpy as np
from PIL import Image

GROUND = 128  # grey between filters
ACROSS = 480  # pixels: about how wide a grid of filters is


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
    height, width, channels, count = filters.shape
    shown = filters if channels in (1, 3) else filters.mean(axis=2, keepdims=True)
    low, high = shown.min(axis=(0, 1, 2)), shown.max(axis=(0, 1, 2))
    span = np.where(high > low, high - low, 1.0)
    levels = np.round(255 * (shown - low) / span).astype(np.uint8)
    columns = math.ceil(math.sqrt(count * 1.5))
    rows = math.ceil(count / columns)
    grid = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, shown.shape[2]), GROUND, np.uint8)
    for number in range(count):
        top, left = number // columns * (height + 1), number % columns * (width + 1)
        grid[top : top + height, left : left + width] = levels[..., number]
    times = max(ACROSS // grid.shape[1], 1)
    grid = grid.repeat(times, axis=0).repeat(times, axis=1)
    return png(Image.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid))


def png(picture: Image.Image) -> bytes:
    """The bytes of a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
