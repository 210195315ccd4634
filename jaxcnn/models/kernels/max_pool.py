"""Max-pooling whose gradient finds each window's maximum by comparing whole arrays.

XLA differentiates a window's maximum by `select_and_scatter`, which its CPU compiler runs one value at a time.

It can go when `select_and_scatter` on CPU is vectorised.
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
    """The same values. Of equal maxima in a window the first, row by row, gets the whole gradient, as in torch.

    NaN gets no gradient here; plain `jax.lax` and torch give it to NaN.
    """
    return largest(images, size, strides, padding)


def _forward(images, size, strides, padding):
    maxima = largest(images, size, strides, padding)
    return maxima, (images, maxima)


def winners(images: jax.Array, maxima: jax.Array, size: int, strides: int, padding: Padding) -> jax.Array:
    """The first place of each window, counted row by row, that holds its maximum: int32, shaped like `maxima`."""
    rows, columns = maxima.shape[1:3]
    # NaN equals nothing: padding is never the maximum, even where all of a window is minus infinity.
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
    # The image is cut into strides × strides phases: pixels of one phase have the same places in their windows.
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
