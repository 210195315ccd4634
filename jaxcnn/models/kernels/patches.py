"""Convolution over the smallest maps as one matrix product of patches.

XLA's own form on CPU is many times slower there. ms of processor time for outputs and both gradients, plain and here:
16×2×2, 512→512, 3×3: 548 and 22; 16×4×4, 256→512, 3×3 at stride 2: 79 and 9; 16×6×6, 256→256, 5×5: 128 and 10.
"""

import math

import jax
import jax.numpy as jnp

from jaxcnn.models.kernels.padded_matmul import rows_times
from jaxcnn.models.kernels.reference import Sides

MOST_PLACES = 4  # of an output map


def _places(size: int, window: int, stride: int, sides: tuple[int, int]) -> int:
    """Places of a window along an axis."""
    return (size + sum(sides) - window) // stride + 1


def suits(images: jax.Array, kernel: jax.Array, strides: int, padding: Sides) -> bool:
    """Whether the output maps are small enough. A 1×1 convolution is a product already."""
    if kernel.shape[:2] == (1, 1):
        return False
    sizes = zip(images.shape[1:3], kernel.shape[:2], padding, strict=True)
    return math.prod(_places(size, window, strides, sides) for size, window, sides in sizes) <= MOST_PLACES


def from_patches(images: jax.Array, kernel: jax.Array, strides: int, padding: Sides) -> jax.Array:
    """Cross-correlation. images: [batch, height, width, inputs]; kernel: [height, width, inputs, outputs]."""
    height, width, inputs, outputs = kernel.shape
    rows, columns = (
        _places(size, window, strides, sides)
        for size, window, sides in zip(images.shape[1:3], kernel.shape[:2], padding, strict=True)
    )
    padded = jnp.pad(images, ((0, 0), *padding, (0, 0)))

    def place(top: int, left: int) -> jax.Array:
        bottom, right = top + (rows - 1) * strides + 1, left + (columns - 1) * strides + 1
        return padded[:, top:bottom:strides, left:right:strides]

    patches = jnp.concatenate([place(top, left) for top in range(height) for left in range(width)], axis=-1)
    product = rows_times(patches.reshape(-1, height * width * inputs), kernel.reshape(-1, outputs))
    return product.reshape(images.shape[0], rows, columns, outputs)
