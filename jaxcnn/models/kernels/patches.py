"""Convolution over the smallest maps as one matrix product of patches.

XLA's own form on CPU is many times slower there, most of all in its gradients.

It can go when XLA's CPU convolution is as fast as this product where an output map has at most four places.
"""

import math

import jax
import jax.numpy as jnp

from jaxcnn.models.kernels.dense import product
from jaxcnn.models.kernels.reference import Sides

MOST_PLACES = 4  # of an output map


def output_size(images: jax.Array, kernel: jax.Array, strides: int, padding: Sides) -> tuple[int, int]:
    """Rows and columns of the outputs."""
    rows, columns = (
        (size + sum(sides) - window) // strides + 1
        for size, window, sides in zip(images.shape[1:3], kernel.shape[:2], padding, strict=True)
    )
    return rows, columns


def suits(images: jax.Array, kernel: jax.Array, strides: int, padding: Sides) -> bool:
    """Whether the output maps are small enough. A 1×1 convolution is a product already."""
    return kernel.shape[:2] != (1, 1) and math.prod(output_size(images, kernel, strides, padding)) <= MOST_PLACES


def from_patches(images: jax.Array, kernel: jax.Array, strides: int, padding: Sides) -> jax.Array:
    """Cross-correlation. images: [batch, height, width, inputs]; kernel: [height, width, inputs, outputs]."""
    height, width, inputs, outputs = kernel.shape
    rows, columns = output_size(images, kernel, strides, padding)
    padded = jnp.pad(images, ((0, 0), *padding, (0, 0)))

    def place(top: int, left: int) -> jax.Array:
        bottom, right = top + (rows - 1) * strides + 1, left + (columns - 1) * strides + 1
        return padded[:, top:bottom:strides, left:right:strides]

    patches = jnp.concatenate([place(top, left) for top in range(height) for left in range(width)], axis=-1)
    products = product(patches.reshape(-1, height * width * inputs), kernel.reshape(-1, outputs))
    return products.reshape(images.shape[0], rows, columns, outputs)
