"""Convolution as `jax.lax` has it, in this project's layouts. It stays: the kernels are compared with it."""

import jax

Sides = tuple[tuple[int, int], tuple[int, int]]


def plain(images: jax.Array, kernel: jax.Array, strides: tuple[int, int], padding: Sides) -> jax.Array:
    """images: [batch, height, width, inputs]; kernel: [height, width, inputs, outputs]."""
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(images, kernel, strides, padding, dimension_numbers=layout)
