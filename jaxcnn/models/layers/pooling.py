"""Pooling layers. Maps are NHWC: [batch, height, width, channels]."""

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxcnn.models.kernels.backend import use_kernel
from jaxcnn.models.kernels.max_pool import largest, max_pool_with_argmax
from jaxcnn.models.layers.core import Layer, ReceptiveField
from jaxcnn.models.layers.shapes import Shape, Sides, require_map
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
    """The mean of each window: of its pixels inside the map, where `ceil` adds windows that reach beyond it."""

    kind: ClassVar[str] = "avgpool"

    size: Count
    strides: Count
    ceil: bool = False  # as for `MaxPool`; without it all windows lie inside

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch rows columns channels"]:
        padding = [pool_padding(n, self.size, self.strides, 0, self.ceil) for n in images.shape[1:3]]
        require_map(self, images.shape, self.size, (padding[0], padding[1]))
        if any(map(any, padding)):
            return average_inside(images, self.size, self.strides)
        tiled = self.size == self.strides and all(n % self.size == 0 for n in images.shape[1:3])
        tiled = tiled and use_kernel("average_pool")
        sums = sum_squares(images, self.size) if tiled else sum_windows(images, self.size, self.strides)
        return sums / np.array(self.size**2, images.dtype)

    def window(self, inputs: Shape) -> ReceptiveField:
        return ReceptiveField(self.size, self.strides)


def average_inside(
    images: Float[Array, "batch height width channels"],
    size: int,
    strides: int,
    inside: Bool[Array, "batch height width 1"] | None = None,
) -> Float[Array, "batch rows columns channels"]:
    """The mean over the part of each window that lies inside the map, the number of windows rounded up.

    Args:
      images: the maps.
      size, strides: of the windows, in pixels.
      inside: the pixels that belong to the map, by default all. A window without any is 0.
    """
    padding = [pool_padding(n, size, strides, 0, True) for n in images.shape[1:3]]
    mask = np.ones((1, *images.shape[1:3], 1), bool) if inside is None else inside
    maps, pixels = jnp.where(mask, images, np.array(0, images.dtype)), jnp.asarray(mask, images.dtype)
    sums, counts = (sum_windows(values, size, strides, (padding[0], padding[1])) for values in (maps, pixels))
    return sums / jnp.maximum(counts, np.array(1, images.dtype))


def sum_windows(
    images: Float[Array, "batch height width channels"],
    size: int,
    strides: int,
    padding: Sides = ((0, 0), (0, 0)),
) -> Float[Array, "batch rows columns channels"]:
    """The sum of each `size`×`size` window; `padding`, in pixels, counts as 0."""
    return jax.lax.reduce_window(
        images,
        np.array(0, images.dtype),
        jax.lax.add,
        (1, size, size, 1),
        (1, strides, strides, 1),
        ((0, 0), *padding, (0, 0)),
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
