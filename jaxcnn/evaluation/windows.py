"""Which windows of a whole image a test protocol looks at.

Each function takes the images' extents, int32 [batch, 2] (height and width), the network's input size and the
scale, the images' shorter side; all in pixels. Mirror images are the caller's.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Windows(NamedTuple):
    """Squares of one size in each image of a batch."""

    corners: jax.Array  # int32 [windows, batch, 2]: top and left of each
    side: int  # pixels; where it isn't the network's input size, the square is resized to that


WindowLayout = Callable[[jax.Array, int, int], list[Windows]]


def grid(extents: jax.Array, size: int, scale: int) -> list[Windows]:
    """A regular 5×5 grid over the whole image, from border to border (VGG §3.2): 25."""
    del scale
    places = _product(5)
    return [Windows((places[:, None, :] * (extents - size)[None] + 2) // 4, size)]  # to the nearest pixel


def squares(extents: jax.Array, size: int, scale: int) -> list[Windows]:
    """Three squares, each as a whole and as its corners and its centre (GoogLeNet §7): 18.

    The squares are the left, central and right ones, or the top, central and bottom ones of a portrait.
    """
    thirds = jnp.arange(3, dtype=jnp.int32)[:, None, None]
    corners = thirds * (extents - scale)[None] // 2  # along the shorter side there is no room
    margin = scale - size
    inner = jnp.concatenate([_product(2) * margin, jnp.full((1, 2), margin // 2, jnp.int32)])
    crops = corners[:, None] + inner[None, :, None, :]
    return [Windows(corners, scale), Windows(crops.reshape(-1, *extents.shape), size)]


def _product(count: int) -> jax.Array:
    """All pairs of 0 … count − 1, the second counting faster: int32 [count², 2]."""
    steps = jnp.arange(count, dtype=jnp.int32)
    return jnp.stack(jnp.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
