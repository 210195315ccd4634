"""Pooling layers. Maps are NHWC: [batch, height, width, channels]."""

from typing import ClassVar

import flax.linen as nn
import jax
import numpy as np
from jaxtyping import Array, Float

from jaxcnn.models.kernels.backend import use_kernel
from jaxcnn.models.kernels.max_pool import largest, max_pool_with_argmax
from jaxcnn.models.layers.core import Layer, ReceptiveField
from jaxcnn.models.layers.shapes import Shape, require_map
from jaxcnn.ranges import Count, RangeError, WholeNumber


def pool_padding(size: int, window: int, strides: int, padding: int, ceil: bool) -> tuple[int, int]:
    """Padding (before, after) of one side, in pixels.

    >>> pool_padding(112, window=3, strides=2, padding=0, ceil=True)  # 56 windows; 55 without `ceil`
    (0, 1)

    Args:
      size: pixels of the side.
      window, strides, padding: of the layer, in pixels.
      ceil: whether the number of windows is rounded up, as in Caffe and cuda-convnet, or down, as in torch and Flax.
        A window counts if it starts inside the map.
    """
    if not ceil:
        return padding, padding
    windows = -(-(size + 2 * padding - window) // strides) + 1
    if (windows - 1) * strides >= size + padding:  # Caffe: no window may start beyond the map
        windows -= 1
    return padding, max((windows - 1) * strides + window - size - padding, 0)


class MaxPool(Layer):
    """The largest value of each window; padding counts as minus infinity."""

    kind: ClassVar[str] = "maxpool"

    size: Count
    strides: Count
    padding: WholeNumber = 0
    ceil: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.padding >= self.size:  # below it, every window sees the map, with `ceil` too
            raise RangeError(
                f"padding (={self.padding}) must be less than size (={self.size}), or windows would see padding alone."
            )

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch rows columns channels"]:
        require_map(self, images.shape)
        padding = [pool_padding(n, self.size, self.strides, self.padding, self.ceil) for n in images.shape[1:3]]
        require_map(self, images.shape, self.size, (padding[0], padding[1]))
        pool = max_pool_with_argmax if use_kernel("max_pool") else largest
        return pool(images, self.size, self.strides, (padding[0], padding[1]))

    def window(self, inputs: Shape) -> ReceptiveField:
        return ReceptiveField(self.size, self.strides)


class AveragePool(Layer):
    """The mean of each window; all windows lie inside the map."""

    kind: ClassVar[str] = "avgpool"

    size: Count
    strides: Count

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch rows columns channels"]:
        require_map(self, images.shape, self.size)
        tiled = self.size == self.strides and all(n % self.size == 0 for n in images.shape[1:3])
        tiled = tiled and use_kernel("average_pool")
        sums = sum_squares(images, self.size) if tiled else sum_windows(images, self.size, self.strides)
        return sums / np.array(self.size**2, images.dtype)

    def window(self, inputs: Shape) -> ReceptiveField:
        return ReceptiveField(self.size, self.strides)


def sum_windows(
    images: Float[Array, "batch height width channels"], size: int, strides: int
) -> Float[Array, "batch rows columns channels"]:
    """The sum of each `size`×`size` window, without padding."""
    return jax.lax.reduce_window(
        images,
        np.array(0, images.dtype),
        jax.lax.add,
        (1, size, size, 1),
        (1, strides, strides, 1),
        "VALID",
    )


def sum_squares(
    images: Float[Array, "batch height width channels"], size: int
) -> Float[Array, "batch height//{size} width//{size} channels"]:
    """The same for adjacent windows that cover the map.

    Its gradient copies a value to each place, where that of `reduce_window` sums over windows once more. It can go when
    XLA's CPU compiler is as fast for the latter.
    """
    batch, height, width, channels = images.shape
    return images.reshape(batch, height // size, size, width // size, size, channels).sum(axis=(2, 4))


class GlobalAveragePool(Layer):
    """The mean over height and width."""

    kind: ClassVar[str] = "gap"

    @nn.compact
    def __call__(self, images: Float[Array, "batch height width channels"]) -> Float[Array, "batch channels"]:
        require_map(self, images.shape)
        return images.mean(axis=(1, 2))

    def window(self, inputs: Shape) -> ReceptiveField:
        return ReceptiveField(inputs[1])
