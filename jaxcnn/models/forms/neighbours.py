"""Convolution of few maps into few maps, several neighbouring outputs of a row at once.

XLA's CPU convolution is a matrix product with as many columns as there are output maps, and the processor's vectors
hold 8 to 16 values: at LeNet-5's 6 maps much of each is empty. So `count` neighbouring
outputs of a row become `count` times as many maps of a convolution that steps `count` times as far along
the row, with a kernel that holds each output's own shifted copy of the weights among zeros. The zeros are multiplied
too, so it pays for few maps only; and what isn't a number spreads to the neighbours computed with it.

XLA also gathers a window's values four or eight input maps at a time, if there are so many. Where there are fewer (grey
and colour pictures) the pixels of a row that a block sees become the maps: 28×28, 1→6, 5×5: 1.7 for 4.2 ms;
32×32, 3→16, 3×3: 6.3 for 10.4.

A whole step at batch 128 on one core, ms of processor time, without this and with: LeNet-5 (`modern`) 24.9 and 11.5;
NiN (`mnist`) 644 and 629; ResNet-20 703 and 694.
"""

from functools import partial

import jax
import jax.numpy as jnp

from jaxcnn.models.forms.plain import Sides, plain


def neighbours_at_once(kernel: jax.Array) -> int:
    """How many outputs of a row to compute at once at stride 1; 1 where plain `jax.lax` is as fast, or unmeasured.

    On one core, batch 128, forward and weight gradient: 28×28, 1→6, 5×5: 12.5 ms, here 5.1; 28×28, 1→96: 29.8 and 22.8;
    32×32, 3→16, 3×3: 13.3 and 10.1; 14×14, 6→16, 5×5, with the input's gradient: 10.2 and 4.2.

    kernel: [height, width, inputs, outputs].
    """
    size, inputs, outputs = kernel.shape[1:]
    if size == 1 or inputs > 8 or (outputs > 16 and size < 5):
        return 1
    return 4 if inputs == 1 else 2


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def in_rows(images: jax.Array, kernel: jax.Array, padding: Sides, count: int) -> jax.Array:
    """Cross-correlation at stride 1 like plain `jax.lax`'s, `count` outputs of a row at a time.

    The weights' gradient is plain: this form's would be summed over devices with all the zeros' places.
    """
    return _in_rows(images, kernel, padding, count)


def _in_rows(images, kernel, padding, count):
    (batch, _, width, _), (tall, wide, inputs, outputs) = images.shape, kernel.shape
    above_below, (left, right) = padding
    columns = width + left + right - wide + 1
    blocks = -(-columns // count)
    copies = [jnp.pad(kernel, ((0, 0), (place, count - 1 - place), (0, 0), (0, 0))) for place in range(count)]
    shifted = jnp.stack(copies, axis=3).reshape(tall, wide + count - 1, inputs, count * outputs)
    beyond = (blocks * count + wide - 1) - width - left  # so that the last block is whole
    if inputs < 4:
        seen = jnp.pad(images, ((0, 0), above_below, (left, beyond), (0, 0)))
        span, last = wide + count - 1, (blocks - 1) * count + 1
        seen = jnp.concatenate([seen[:, :, first : first + last : count] for first in range(span)], axis=-1)
        found = plain(seen, shifted.reshape(tall, 1, span * inputs, count * outputs), (1, 1), ((0, 0), (0, 0)))
        return found.reshape(batch, found.shape[1], blocks * count, outputs)[:, :, :columns]
    found = plain(images, shifted, (1, count), (above_below, (left, beyond)))
    return found.reshape(batch, found.shape[1], blocks * count, outputs)[:, :, :columns]


def _forward(images, kernel, padding, count):
    return _in_rows(images, kernel, padding, count), (images, kernel)


def _backward(padding, count, residuals, gradient):
    images, kernel = residuals
    _, of_images = jax.vjp(lambda images: _in_rows(images, kernel, padding, count), images)
    _, of_kernel = jax.vjp(lambda kernel: plain(images, kernel, (1, 1), padding), kernel)
    return (*of_images(gradient), *of_kernel(gradient))


in_rows.defvjp(_forward, _backward)
