"""Boxes drawn on an image, and patches cut out of one."""

import numpy as np

from jaxcnn.inspection.pictures.colours import with_opacity

FIELD, MEASURED = (255, 176, 0), (0, 200, 255)  # colours of the theoretical and of the measured box


def outlined(
    image: np.ndarray, box: tuple[int, int, int, int], colour: tuple[int, int, int], *, factor: int = 1, width: int = 2
) -> np.ndarray:
    """An image with the outline of a box on it.

    Args:
      image: uint8 [height, width, 1, 3 or 4], already enlarged by `factor`.
      box: (top, left, bottom, right) in pixels of the image before it was enlarged; the outline is within.
      colour: red, green, blue.
      factor: how often the image was enlarged.
      width: of the line, pixels.
    """
    drawn = with_opacity(image).copy()
    top, left, bottom, right = (side * factor for side in box)
    inner = drawn[top + width : bottom - width, left + width : right - width].copy()
    drawn[top:bottom, left:right] = (*colour, 255)
    if inner.size:
        drawn[top + width : bottom - width, left + width : right - width] = inner
    return drawn


def cut_out(image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The part of an image [height, width, channels] that lies in a box (top, left, bottom, right)."""
    top, left, bottom, right = box
    return image[top:bottom, left:right]
