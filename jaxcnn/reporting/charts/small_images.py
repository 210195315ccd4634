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
    """A PNG of a layer's filters in the order of its maps, row by row; between them the page is seen.

    Args:
      filters: float [height, width, channels, filters].
    """
    return png(Image.fromarray(_grid(filters, opacity=True)))


def stretched_grid(images: np.ndarray) -> np.ndarray:
    """The same of any images, on black.

    Args:
      images: float [height, width, channels, images].

    Returns:
      uint8 [height, width, 1 or 3].
    """
    return _grid(images, opacity=False)


def _grid(images: np.ndarray, *, opacity: bool) -> np.ndarray:
    """Each image stretched to the whole range from 0 to 255, enlarged, and in its place.

    Three channels are shown as colours, one as grey; of any other number the mean is shown. opacity: whether a last
    channel says where there are images.
    """
    _, width, channels, count = images.shape
    shown = images if channels in (1, 3) else images.mean(axis=2, keepdims=True)
    low, high = shown.min(axis=(0, 1, 2)), shown.max(axis=(0, 1, 2))
    span = np.where(high > low, high - low, 1.0)
    levels = np.round(255 * (shown - low) / span).astype(np.uint8)
    columns = math.ceil(math.sqrt(count * 1.5))
    rows = math.ceil(count / columns)
    times = max((ACROSS // columns - GAP) // width, 1)
    levels = levels.repeat(times, axis=0).repeat(times, axis=1)
    tall, wide = levels.shape[:2]
    depth = shown.shape[2]
    grid = np.zeros((rows * (tall + GAP) - GAP, columns * (wide + GAP) - GAP, depth + opacity), np.uint8)
    for number in range(count):
        top, left = number // columns * (tall + GAP), number % columns * (wide + GAP)
        place = grid[top : top + tall, left : left + wide]
        place[..., :depth] = levels[..., number]
        place[..., depth:] = 255
    return grid


def png(picture: Image.Image) -> bytes:
    """The bytes of a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
