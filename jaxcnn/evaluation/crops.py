"""The crops of a stored image that a test protocol evaluates.

Each function takes normalised, padded images [batch, height, width, channels] and the size of a crop in pixels, and
returns a list of crops [batch, size, size, channels].
"""

from collections.abc import Callable

import jax

Crops = Callable[[jax.Array, int], list[jax.Array]]


def center(images: jax.Array, size: int) -> list[jax.Array]:
    """The central crop."""
    top, left = (images.shape[1] - size) // 2, (images.shape[2] - size) // 2
    return [images[:, top : top + size, left : left + size]]


def ten_crop(images: jax.Array, size: int) -> list[jax.Array]:
    """The four corners, the centre, and their mirror images (Krizhevsky et al. 2012, §4.1)."""
    bottom, right = images.shape[1] - size, images.shape[2] - size
    corners = [images[:, y : y + size, x : x + size] for y in (0, bottom) for x in (0, right)]
    crops = corners + center(images, size)
    return crops + [crop[:, :, ::-1] for crop in crops]
