"""Max-pooling whose gradient knows the winners, for windows of a fixed stride.

XLA differentiates a window's maximum by `select_and_scatter`, which on CPU runs on one value at a time:
16×55×55×96, 3×3 stride 2: 54 ms of processor time, here 3.5; 4×224×224×64, 2×2: 114 and 8;
16×28×28×256, 3×3 stride 1: 175 and 9.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

Padding = tuple[tuple[int, int], tuple[int, int]]


def largest(images: jax.Array, size: int, strides: int, padding: Padding) -> jax.Array:
    """The largest value of each window as plain `jax.lax` has it; padding counts as minus infinity.

    images: [batch, height, width, channels]; result: [batch, rows, columns, channels].
    """
    lowest = np.array(-np.inf, images.dtype)
    window, steps = (1, size, size, 1), (1, strides, strides, 1)
    return jax.lax.reduce_window(images, lowest, jax.lax.max, window, steps, ((0, 0), *padding, (0, 0)))


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def max_pool_with_argmax(images: jax.Array, size: int, strides: int, padding: Padding) -> jax.Array:
    """The same values. Of equal values in a window the first takes the whole gradient, row by row, as in torch.

    A value that isn't a number wins nothing; plain `jax.lax` and torch let it win.
    """
    return largest(images, size, strides, padding)


def _forward(images, size, strides, padding):
    maxima = largest(images, size, strides, padding)
    return maxima, (images, maxima)


def winners(images: jax.Array, maxima: jax.Array, size: int, strides: int, padding: Padding) -> jax.Array:
    """Which place of its window, counted row by row, is the first to hold the maximum: int32, shaped like `maxima`."""
    rows, columns = maxima.shape[1:3]
    # What is no number equals nothing: padding can't win, even where all of a window is minus infinity.
    padded = jnp.pad(images, ((0, 0), *padding, (0, 0)), constant_values=np.nan)
    first = jnp.full(maxima.shape, -1, jnp.int32)
    for place in reversed(range(size * size)):
        top, left = divmod(place, size)
        bottom, right = top + (rows - 1) * strides + 1, left + (columns - 1) * strides + 1
        first = jnp.where(padded[:, top:bottom:strides, left:right:strides] == maxima, np.int32(place), first)
    return first


def _backward(size, strides, padding, residuals, gradient):
    images, maxima = residuals
    batch, height, width, channels = images.shape
    # The picture is cut into strides × strides phases: pixels of one phase see the same places of their windows.
    rows, columns = (-(-(n + sum(sides)) // strides) for n, sides in zip((height, width), padding, strict=True))
    rows, columns = max(rows, maxima.shape[1]), max(columns, maxima.shape[2])
    reach = -(-size // strides) - 1  # how many windows above and left of its own a pixel may be part of
    around = ((0, 0), (reach, rows - maxima.shape[1]), (reach, columns - maxima.shape[2]), (0, 0))
    places = jnp.pad(winners(images, maxima, size, strides, padding), around, constant_values=-1)
    gradient = jnp.pad(gradient, around)

    def phase(top: int, left: int) -> jax.Array:
        total = jnp.zeros((batch, rows, columns, channels), gradient.dtype)
        for row in range(top, size, strides):
            for column in range(left, size, strides):
                up, back = reach - row // strides, reach - column // strides
                window = (slice(None), slice(up, up + rows), slice(back, back + columns))
                won = places[window] == np.int32(row * size + column)
                total = total + jnp.where(won, gradient[window], np.array(0, gradient.dtype))
        return total

    phases = jnp.stack([jnp.stack([phase(i, j) for j in range(strides)], axis=3) for i in range(strides)], axis=2)
    whole = phases.reshape(batch, rows * strides, columns * strides, channels)
    (top, _), (left, _) = padding
    return (whole[:, top : top + height, left : left + width],)


max_pool_with_argmax.defvjp(_forward, _backward)
