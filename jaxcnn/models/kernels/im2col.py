"""Convolution of images with one to three channels, as one matrix product.

XLA's CPU convolution gathers a window's values four or eight input maps at a time; images have fewer. Here each row of
a matrix holds the pixels that `count` neighbouring outputs see, copied one row of pixels at a time, and the weights
are those outputs' own shifted copies among zeros (`row_blocked.shifted`). The gradient of the weights is the
transposed matrix times the outputs' gradient. With a stride it is slower than plain `jax.lax`.

It can go when XLA's CPU convolution of one to three input maps is as fast as this product.
"""

from functools import partial

import jax
import jax.numpy as jnp

from jaxcnn.models.kernels.backend import single_device
from jaxcnn.models.kernels.reference import Sides, plain
from jaxcnn.models.kernels.row_blocked import blocks_of, shifted


def suits(kernel: jax.Array) -> bool:
    """Whether this form is the faster one at stride 1. kernel: [height, width, inputs, outputs]."""
    tall, wide, inputs, _ = kernel.shape
    return tall * wide > 1 and inputs < 4


def outputs_at_once(kernel: jax.Array) -> int:
    """How many neighbouring outputs one row of the matrix is for: the fastest number, as measured."""
    *_, inputs, outputs = kernel.shape
    if inputs == 1 and outputs <= 16:
        return 4
    return 2 if outputs <= 96 else 1


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def from_pixels(images: jax.Array, kernel: jax.Array, padding: Sides, count: int) -> jax.Array:
    """Cross-correlation at stride 1 like plain `jax.lax`'s, `count` outputs of a row at a time.

    images: [batch, height, width, inputs]; kernel: [height, width, inputs, outputs].
    """
    return _from_pixels(images, kernel, padding, count)


def _from_pixels(images, kernel, padding, count):
    outputs = kernel.shape[3]
    seen = _seen(images, kernel.shape[:2], padding, count)
    batch, rows, blocks, _ = seen.shape
    found = seen.reshape(batch * rows * blocks, -1) @ _weights(kernel, count)
    columns = images.shape[2] + sum(padding[1]) - kernel.shape[1] + 1
    return found.reshape(batch, rows, blocks * count, outputs)[:, :, :columns]


def _seen(images: jax.Array, size: tuple[int, int], padding: Sides, count: int) -> jax.Array:
    """The pixels that each block of outputs sees, [batch, rows, blocks, pixels], one row of pixels after another."""
    batch, height, width, inputs = images.shape
    tall, wide = size
    (above, below), (left, right) = padding
    rows, columns = height + above + below - tall + 1, width + left + right - wide + 1
    blocks, beyond = blocks_of(columns, count)
    padded = jnp.pad(images, ((0, 0), (above, below), (left, right + beyond), (0, 0)))
    lines = padded.reshape(*padded.shape[:2], -1)
    lines = jnp.stack([lines[:, row : row + rows] for row in range(tall)], axis=2)  # [batch, rows, tall, line]
    step, span = count * inputs, (count + wide - 1) * inputs
    seen = jnp.stack([lines[..., step * block : step * block + span] for block in range(blocks)], axis=2)
    return seen.reshape(batch, rows, blocks, tall * span)


def _weights(kernel: jax.Array, count: int) -> jax.Array:
    """[pixels, count · outputs]"""
    return shifted(kernel, count).reshape(-1, count * kernel.shape[3])


def _forward(images, kernel, padding, count):
    return _from_pixels(images, kernel, padding, count), (images, kernel)


def _backward(padding, count, residuals, gradient):
    images, kernel = residuals
    # The compiler merges equal expressions, so the matrix of pixels is made once for both directions.
    form = _from_pixels if single_device() else _plain
    _, of_images = jax.vjp(lambda images: _from_pixels(images, kernel, padding, count), images)
    _, of_kernel = jax.vjp(lambda kernel: form(images, kernel, padding, count), kernel)
    return (*of_images(gradient), *of_kernel(gradient))


def _plain(images, kernel, padding, count):
    """For several devices, which would otherwise also add up the gradients of the zeros."""
    del count
    return plain(images, kernel, (1, 1), padding)


from_pixels.defvjp(_forward, _backward)
