"""The windows of a whole image that a test protocol evaluates.

Each function takes the extents of the images, int32 [batch, 2] (height and width), the network's input size, and the
scale, which is the images' shorter side; all in pixels. The caller adds the mirror images.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Windows(NamedTuple):
    """Squares of one size in each image of a batch."""

    corners: jax.Array  # int32 [windows, batch, 2]: top and left of each
    side: int  # pixels; a square of another size than the network's input is resized to that


WindowLayout = Callable[[jax.Array, int, int], list[Windows]]


def grid(extents: jax.Array, size: int, scale: int) -> list[Windows]:
    """25 windows: a regular 5×5 grid over the whole image, from border to border (VGG §3.2)."""
    del scale
    places = _product(5)
    return [Windows((places[:, None, :] * (extents - size)[None] + 2) // 4, size)]  # to the nearest pixel


def three_squares(extents: jax.Array, size: int, scale: int) -> list[Windows]:
    """18 windows: three squares, and of each its four corners and its centre (GoogLeNet §7).

    The squares are at the left, centre and right, or in portraits at the top, centre and bottom.
    """
    thirds = jnp.arange(3, dtype=jnp.int32)[:, None, None]
    corners = thirds * (extents - scale)[None] // 2  # 0 along the shorter side
    margin = scale - size
    inner = jnp.concatenate([_product(2) * margin, jnp.full((1, 2), margin // 2, jnp.int32)])
    crops = corners[:, None] + inner[None, :, None, :]
    return [Windows(corners, scale), Windows(crops.reshape(-1, *extents.shape), size)]


def _product(count: int) -> jax.Array:
    """All pairs of 0 … count − 1 in lexicographic order: int32 [count², 2]."""
    steps = jnp.arange(count, dtype=jnp.int32)
    return jnp.stack(jnp.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
