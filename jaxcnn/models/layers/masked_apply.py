"""Pictures of different sizes in one batch, each seen as if it were alone.

Each picture lies in the top left corner of a larger array. A layer that looks at a neighbourhood gets its input with
everything outside of the picture set to what the layer's own padding is: zero, or minus infinity for max-pooling.
So at each place inside, each layer gives what it would give for the picture by itself, borders included.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.models.kernels.convolution import pairs
from jaxcnn.models.layers.core import Conv, Layer
from jaxcnn.models.layers.pooling import GlobalAveragePool, MaxPool, pool_padding


class Side:
    """One side of the pictures: how long it is at each layer.

    Layers that see arrays of one size see pictures of one size, whichever branch they are in: `follow` checks it.
    """

    def __init__(self, longest: int, lengths: jax.Array) -> None:
        """longest: of the array; lengths: of each picture, int32 [batch]."""
        self._lengths = lengths
        self._tables = {longest: np.arange(longest + 1)}  # size of an array → a picture's length there, by its first

    def inside(self, size: int) -> jax.Array:
        """Which of `size` places are inside: bool [batch, size]."""
        return jnp.arange(size)[None, :] < self.lengths(size)[:, None]

    def lengths(self, size: int) -> jax.Array:
        """How long each picture is where the array is `size` long: int32 [batch]."""
        return jnp.asarray(self._table(size), jnp.int32)[self._lengths]

    def follow(self, name: str, before: int, after: int, outputs: Callable[[int], int]) -> None:
        """A layer makes `after` out of `before` places, and `outputs(n)` out of n."""
        table = np.array([max(outputs(int(length)), 0) for length in self._table(before)])
        known = self._tables.setdefault(after, table)
        if outputs(before) != after or not np.array_equal(known, table):
            raise ValueError(f"{name} makes maps whose size can't be followed through the network.")

    def _table(self, size: int) -> np.ndarray:
        if size not in self._tables:
            raise ValueError(f"a map {size} pixels long comes out of no layer that can be followed.")
        return self._tables[size]


def masked_apply(model: nn.Module, variables: Any, images: jax.Array, extents: jax.Array) -> jax.Array:
    """Class scores of pictures of different sizes, by a network that is convolutional up to its pooling.

    Args:
      model: a network that ends in global average pooling, or gives a map of classes (VGG's
        `over_whole_pictures`), which is averaged here.
      variables: {"params", …}.
      images: float32 [batch, height, width, channels]; what lies outside of a picture makes no difference.
      extents: int32 [batch, 2], height and width of each picture, which lies in the top left corner.

    Returns:
      float32 [batch, classes]: what `model` gives for each picture alone, up to rounding.

    Raises:
      ValueError: the network takes pictures of one size only.
    """
    sides = (Side(images.shape[1], extents[:, 0]), Side(images.shape[2], extents[:, 1]))

    def inside(maps: jax.Array) -> jax.Array:
        rows, columns = (side.inside(size) for side, size in zip(sides, maps.shape[1:3], strict=True))
        return (rows[:, :, None] & columns[:, None, :])[..., None]

    def mean(maps: jax.Array) -> jax.Array:
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
    """What a layer adds before and behind a side of this length."""
    if isinstance(layer, Conv):
        return pairs(layer.padding)[axis]
    if isinstance(layer, MaxPool):
        return pool_padding(length, layer.size, layer.strides, layer.padding, layer.ceil)
    return 0, 0
