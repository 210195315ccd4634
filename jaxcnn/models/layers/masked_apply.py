"""A network applied to a batch of images of different sizes, as if to each image alone.

Each image lies in the top left corner of a larger array. Before a layer that looks at neighbouring pixels, everything
outside of the image is set to that layer's own padding: zero, or minus infinity for max-pooling. So at each place
inside, a layer computes what it would compute for the image alone, borders included.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32

from jaxcnn.models.kernels.convolution import pairs
from jaxcnn.models.layers.core import Conv, Layer
from jaxcnn.models.layers.pooling import AveragePool, GlobalAveragePool, MaxPool, average_inside, pool_padding


class Side:
    """The heights, or the widths, of the images of a batch at each layer.

    At layers whose arrays have the same size, the images must have the same size too, whichever branch the layers are
    in. `follow` checks it.
    """

    def __init__(self, longest: int, lengths: Int32[Array, "batch"]) -> None:
        """Begins at the network's input.

        Args:
          longest: pixels of the array's side.
          lengths: pixels of each image's side.
        """
        self._lengths = lengths
        self._tables = {longest: np.arange(longest + 1)}  # array's size → length at the input → length at that size

    def inside(self, size: int) -> Bool[Array, "batch {size}"]:
        """Which places along an array of this size lie inside of each image."""
        return jnp.arange(size)[None, :] < self.lengths(size)[:, None]

    def lengths(self, size: int) -> Int32[Array, "batch"]:
        """The length of each image where the array has this size."""
        return jnp.asarray(self._table(size), jnp.int32)[self._lengths]

    def follow(self, name: str, before: int, after: int, outputs: Callable[[int], int]) -> None:
        """Records how a layer changes the images' lengths.

        Args:
          name: the layer's, for the message.
          before, after: the array's size before and after the layer.
          outputs: an image's length before the layer → its length after it.

        Raises:
          ValueError: the lengths contradict those that are known for arrays of this size.
        """
        table = np.array([max(outputs(int(length)), 0) for length in self._table(before)])
        known = self._tables.setdefault(after, table)
        if outputs(before) != after or not np.array_equal(known, table):
            raise ValueError(f"{name} makes maps whose size can't be followed through the network.")

    def _table(self, size: int) -> np.ndarray:
        if size not in self._tables:
            raise ValueError(f"a map {size} pixels long comes out of no layer that can be followed.")
        return self._tables[size]


def masked_apply(
    model: nn.Module,
    variables: Any,
    images: Float[Array, "batch height width channels"],
    extents: Int32[Array, "batch 2"],
) -> Float[Array, "batch classes"]:
    """Class scores of images of different sizes, by a network that is convolutional up to its pooling.

    Args:
      model: a network that ends in global average pooling, or returns a class map (VGG's `over_whole_images`),
        which is averaged here.
      variables: {"params", …}.
      images: each in the top left corner of its array; the values outside of it make no difference.
      extents: height and width of each image, in pixels.

    Returns:
      What `model` returns for each image alone, up to rounding.

    Raises:
      ValueError: the network takes images of one size only.
    """
    sides = (Side(images.shape[1], extents[:, 0]), Side(images.shape[2], extents[:, 1]))

    def inside(maps: Float[Array, "batch height width _"]) -> Bool[Array, "batch height width 1"]:
        rows, columns = (side.inside(size) for side, size in zip(sides, maps.shape[1:3], strict=True))
        return (rows[:, :, None] & columns[:, None, :])[..., None]

    def mean(maps: Float[Array, "batch height width channels"]) -> Float[Array, "batch channels"]:
        count = sides[0].lengths(maps.shape[1]) * sides[1].lengths(maps.shape[2])
        sums = jnp.where(inside(maps), maps.astype(jnp.float32), 0.0).sum(axis=(1, 2))
        return (sums / count.astype(jnp.float32)[:, None]).astype(maps.dtype)

    def interceptor(call: Callable, args: Any, kwargs: Any, context: Any) -> Any:
        layer = context.module
        if context.method_name != "__call__" or not isinstance(layer, Layer) or args[0].ndim != 4:
            return call(*args, **kwargs)
        maps, *rest = args
        if isinstance(layer, GlobalAveragePool):
            return mean(maps)
        window = layer.window(maps.shape)
        if window.size > 1:
            fill = -np.inf if isinstance(layer, MaxPool) else 0.0
            maps = jnp.where(inside(maps), maps, np.array(fill, maps.dtype))
        if isinstance(layer, AveragePool) and layer.ceil:  # of a window it averages what lies inside of the image
            outputs = average_inside(maps, layer.size, layer.strides, inside(maps))
        else:
            outputs = call(maps, *rest, **kwargs)
        if outputs.ndim != 4:
            raise ValueError(f"{layer.name} takes maps of one size only.")
        for axis, side in enumerate(sides):

            def count(length: int, axis: int = axis) -> int:
                return (length + sum(padding(layer, length, axis)) - window.size) // window.stride + 1

            side.follow(str(layer.name), maps.shape[1 + axis], outputs.shape[1 + axis], count)
        return outputs

    with nn.intercept_methods(interceptor):
        scores = model.apply(variables, images, train=False)
    assert isinstance(scores, jax.Array)
    return scores if scores.ndim == 2 else mean(scores)


def padding(layer: Layer, length: int, axis: int) -> tuple[int, int]:
    """Pixels that a layer adds before and after an image's side of this length."""
    if isinstance(layer, Conv):
        return pairs(layer.padding)[axis]
    if isinstance(layer, MaxPool):
        return pool_padding(length, layer.size, layer.strides, layer.padding, layer.ceil)
    if isinstance(layer, AveragePool):
        return pool_padding(length, layer.size, layer.strides, 0, layer.ceil)
    return 0, 0
