"""Convolution of grey and colour pictures, as one matrix product over what each block of outputs sees.

XLA's CPU convolution gathers a window's values four or eight input maps at a time, if there are so many. Pictures have
one or three. Here each row of a matrix holds the pixels that `count` neighbouring outputs of a row see, copied a row of
pixels at a time, and the weights are those outputs' own shifted copies among zeros (`row_blocked.shifted`). The
weights' gradient is the same matrix, turned, times the outputs' gradient.

Forward and weights' gradient on one core with AVX2, ms of processor time, plain `jax.lax` and here: 128×28×28, 1→6,
5×5: 11.9, 1.4 and 1.4, 0.9; 1→96: 34.9, 32.7 and 27.2, 7.7; 128×32×32, 3→16, 3×3: 10.2, 3.1 and 3.7, 2.6;
4×224×224, 3→64, 3×3: 46, 43 and 41, 12.6. With a stride it gains nothing: 8×224×224, 3→64, 7×7, stride 2: 34 and 106.
LeNet-5's whole step at batch 128 (`modern`), with the sums of `reductions`: 11.7 ms with `row_blocked` alone, here 9.6.
"""

from functools import partial

import jax
import jax.numpy as jnp

from jaxcnn.models.kernels.backend import single_device
from jaxcnn.models.kernels.reference import Sides, plain
from jaxcnn.models.kernels.row_blocked import blocks_of, shifted


def suits(kernel: jax.Array) -> bool:
    """Whether this form is the quicker one at stride 1. kernel: [height, width, inputs, outputs]."""
    tall, wide, inputs, _ = kernel.shape
    return tall * wide > 1 and inputs < 4


def outputs_at_once(kernel: jax.Array) -> int:
    """How many outputs of a row a row of the matrix is for, as measured."""
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
    """What each block of outputs sees, [batch, rows, blocks, pixels], row by row of pixels."""
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
    # By the compiler's common subexpressions, what the blocks see is gathered once for both directions.
    form = _from_pixels if single_device() else _plain
    _, of_images = jax.vjp(lambda images: _from_pixels(images, kernel, padding, count), images)
    _, of_kernel = jax.vjp(lambda kernel: form(images, kernel, padding, count), kernel)
    return (*of_images(gradient), *of_kernel(gradient))


def _plain(images, kernel, padding, count):
    """Devices that share a batch would have to add up the gradients of all the zeros' places, too."""
    del count
    return plain(images, kernel, (1, 1), padding)


from_pixels.defvjp(_forward, _backward)
