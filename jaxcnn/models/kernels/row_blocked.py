"""Convolution of few maps into few maps, several neighbouring outputs of a row at once.

XLA's CPU convolution is a matrix product with as many columns as there are output maps, and the processor's vectors
hold 8 to 16 values: with LeNet-5's 6 maps much of each is empty. So `count` neighbouring outputs of a row become
`count` times as many maps of a convolution with a stride of `count` along the row, whose kernel holds each output's
own shifted copy of the weights among zeros. The zeros are multiplied too, so it pays for few maps only. A NaN or an
infinity also spreads to the outputs that are computed with it.

It can go when XLA's CPU convolution fills its vectors where there are 16 output maps or fewer.
"""

from functools import partial

import jax
import jax.numpy as jnp

from jaxcnn.models.kernels.reference import Sides, plain


def neighbours_at_once(kernel: jax.Array) -> int:
    """How many outputs of a row to compute at once at stride 1; 1 where plain `jax.lax` is as fast, or unmeasured.

    kernel: [height, width, inputs, outputs].
    """
    size, inputs, outputs = kernel.shape[1:]
    return 1 if size == 1 or inputs > 8 or (outputs > 16 and size < 5) else 2


def blocks_of(columns: int, count: int) -> tuple[int, int]:
    """(Blocks of `count` outputs that so many columns need, columns of the last block that are beyond them.)"""
    blocks = -(-columns // count)
    return blocks, blocks * count - columns


def shifted(kernel: jax.Array, count: int) -> jax.Array:
    """The weights of `count` neighbouring outputs over what they see together.

    kernel: [height, width, inputs, outputs]; result: [height, width + count − 1, inputs, count, outputs].
    """
    copies = [jnp.pad(kernel, ((0, 0), (place, count - 1 - place), (0, 0), (0, 0))) for place in range(count)]
    return jnp.stack(copies, axis=3)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def in_rows(images: jax.Array, kernel: jax.Array, padding: Sides, count: int) -> jax.Array:
    """Cross-correlation at stride 1 like plain `jax.lax`'s, `count` outputs of a row at a time.

    The weights' gradient is plain `jax.lax`'s: several devices would otherwise also add up the gradients of the zeros.
    """
    return _in_rows(images, kernel, padding, count)


def _in_rows(images, kernel, padding, count):
    (batch, _, width, _), (_, wide, _, outputs) = images.shape, kernel.shape
    above_below, (left, right) = padding
    columns = width + left + right - wide + 1
    blocks, beyond = blocks_of(columns, count)
    weights = shifted(kernel, count).reshape(kernel.shape[0], -1, kernel.shape[2], count * outputs)
    found = plain(images, weights, (1, count), (above_below, (left, right + beyond)))
    return found.reshape(batch, found.shape[1], blocks * count, outputs)[:, :, :columns]


def _forward(images, kernel, padding, count):
    return _in_rows(images, kernel, padding, count), (images, kernel)


def _backward(padding, count, residuals, gradient):
    images, kernel = residuals
    _, of_images = jax.vjp(lambda images: _in_rows(images, kernel, padding, count), images)
    _, of_kernel = jax.vjp(lambda kernel: plain(images, kernel, (1, 1), padding), kernel)
    return (*of_images(gradient), *of_kernel(gradient))


in_rows.defvjp(_forward, _backward)
