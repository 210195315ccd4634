"""Convolution, by the kernel that suits its shape.

`pointwise` can go when XLA's CPU compiler computes a 1×1 convolution's weight gradient without a transposed copy.
"""

from functools import partial

import jax
import jax.numpy as jnp

from jaxcnn.models.kernels import im2col, patches, winograd
from jaxcnn.models.kernels.backend import use_kernel
from jaxcnn.models.kernels.padded_matmul import rows_times
from jaxcnn.models.kernels.reference import Sides, plain
from jaxcnn.models.kernels.row_blocked import in_rows, neighbours_at_once
from jaxcnn.models.sharding.towers import in_each_tower, tower_devices

Padding = int | Sides


def pairs(padding: Padding) -> Sides:
    """Explicit padding as ((top, bottom), (left, right)); one number pads all four sides."""
    return ((padding, padding), (padding, padding)) if isinstance(padding, int) else padding


def convolve(
    images: jax.Array, kernel: jax.Array, strides: int = 1, padding: Padding = 0, groups: int = 1
) -> jax.Array:
    """Cross-correlation, which this field calls convolution. kernel: [height, width, inputs / groups, outputs].

    Groups are split and concatenated rather than given to `feature_group_count`: under `jit` on several devices
    the partitioner gathers the whole batch for a grouped convolution, and on CPU that form is several times
    slower. The values are the same to the bit. Where the groups are a network's towers on devices of their own, each
    device convolves its own.
    """
    if groups > 1 and tower_devices() > 1:
        own = partial(convolve, strides=strides, padding=padding, groups=groups // tower_devices())
        return in_each_tower(own, images, kernel)
    parts = zip(jnp.split(images, groups, axis=-1), jnp.split(kernel, groups, axis=-1), strict=True)
    outputs = [_convolve(part, weights, strides, pairs(padding)) for part, weights in parts]
    return outputs[0] if groups == 1 else jnp.concatenate(outputs, axis=-1)


def _convolve(images: jax.Array, kernel: jax.Array, strides: int, padding: Sides) -> jax.Array:
    if use_kernel("pointwise") and kernel.shape[:2] == (1, 1) and not any(map(any, padding)):
        return pointwise(images[:, ::strides, ::strides], kernel[0, 0])
    if use_kernel("patches") and patches.suits(images, kernel, strides, padding):
        return patches.from_patches(images, kernel, strides, padding)
    if strides == 1 and use_kernel("im2col") and im2col.suits(kernel):
        return im2col.from_pixels(images, kernel, padding, im2col.outputs_at_once(kernel))
    if strides == 1 and use_kernel("row_blocked") and (count := neighbours_at_once(kernel)) > 1:
        return in_rows(images, kernel, padding, count)
    if strides == 1 and use_kernel("winograd") and winograd.suits(images, kernel, padding):
        return winograd.winograd_conv(images, kernel, padding)
    return plain(images, kernel, (strides, strides), padding)


def pointwise(images: jax.Array, weights: jax.Array) -> jax.Array:
    """A 1×1 convolution as one matrix product. images: [batch, height, width, inputs]; weights: [inputs, outputs].

    For a convolution's weight gradient XLA writes transposed copies of its operands. It reads those of a matrix
    product in place, if the sum is over a single axis: therefore the images are reshaped to rows.
    """
    *places, inputs = images.shape
    return rows_times(images.reshape(-1, inputs), weights).reshape(*places, weights.shape[1])
