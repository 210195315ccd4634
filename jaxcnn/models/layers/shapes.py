"""The shapes that a network and its layers accept, and the errors that name the network, the layer and the sizes.

Shapes are checked before parameters are made and before anything is computed.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32

from jaxcnn.models.kernels.reference import Sides
from jaxcnn.models.layers.module import name_of

Shape = tuple[int, ...]
Call = TypeVar("Call", bound=Callable[..., Any])

NO_PADDING: Sides = ((0, 0), (0, 0))


class SmallMapError(ValueError):
    """A layer's input is too small for it, and so are the images for its network.

    Attributes:
      reason: the layer and the sizes, "pool5: a 2×2 map is smaller than its 3×3 window".
    """

    def __init__(self, reason: str, advice: str = "the network needs larger images") -> None:
        super().__init__(f"{reason}; {advice}.")
        self.reason = reason


def times(*sides: int) -> str:
    """Sizes for a message.

    >>> times(55, 55, 96)
    '55×55×96'
    """
    return "×".join(map(str, sides))


def takes_images(call: Call) -> Call:
    """Makes a network's `__call__(self, images, …)` refuse anything but float [batch, height, width, channels].

    When a layer finds its map too small, the error says that the network needs larger images.
    """

    @functools.wraps(call)
    def checked(network: nn.Module, images: Any, *arguments: Any, **keywords: Any) -> Any:
        name = name_of(network)
        wanted = f"{name} takes images as float [batch, height, width, channels], none of them 0"
        if not hasattr(images, "dtype"):
            raise ValueError(f"{wanted}; not a {type(images).__name__}.")
        shape = tuple(images.shape)
        if len(shape) != 4 or 0 in shape or not jnp.issubdtype(images.dtype, jnp.floating):
            raise ValueError(f"{wanted}; not {images.dtype} {list(shape)}.")
        try:
            return call(network, images, *arguments, **keywords)
        except SmallMapError as error:
            raise SmallMapError(error.reason, f"{name} needs larger images than {times(*shape[1:3])}") from error

    return cast(Call, checked)


def require_map(layer: nn.Module, inputs: Shape, window: int = 1, padding: Sides = NO_PADDING) -> None:
    """Checks that a layer's input is a map with room for at least one window.

    Args:
      layer: the layer, for its name.
      inputs: the shape of its input.
      window: pixels of the window's side.
      padding: pixels that the layer adds around its input.

    Raises:
      SmallMapError: the map is empty, or smaller than the window.
      ValueError: the input isn't [batch, height, width, channels].
    """
    if len(inputs) != 4:
        raise ValueError(
            f"{name_of(layer)} takes a map [batch, height, width, channels], not one of shape {list(inputs)}."
        )
    require_values(layer, inputs)
    if 0 in inputs[1:3]:
        raise SmallMapError(f"{name_of(layer)}: its input ({times(*inputs[1:3])}) is empty")
    padded = [size + sum(sides) for size, sides in zip(inputs[1:3], padding, strict=True)]
    if min(padded) < window:
        around = f", {times(*padded)} with its padding," if any(map(any, padding)) else ""
        what = f"a {times(*inputs[1:3])} map{around} is smaller than its {times(window, window)} window"
        raise SmallMapError(f"{name_of(layer)}: {what}")


def require_values(layer: nn.Module, inputs: Shape) -> None:
    """Checks that no axis of a layer's input, [batch, …], is empty, except for the batch.

    Raises:
      SmallMapError: one is.
    """
    if 0 in inputs[1:]:
        raise SmallMapError(f"{name_of(layer)}: its input ({times(*inputs[1:])}) is empty")


def parameter(
    layer: nn.Module, name: str, initializer: Callable[..., jax.Array], shape: Shape
) -> Float32[Array, "..."]:
    """A layer's parameter: from the variables that the network is applied to, or made by `initializer`.

    Raises:
      ValueError: the variables have it in another shape.
    """
    if layer.has_variable("params", name):
        found = jnp.shape(layer.get_variable("params", name))
        if found != shape:
            raise ValueError(
                f"{name_of(layer)}: its {name} is {times(*found)} in the variables, where these images need "
                f"{times(*shape)}: the variables belong to images of another size, or to another network."
            )
    return layer.param(name, initializer, shape, jnp.float32)
