"""What arrays a network and its layers can take, and the errors that name the network, the layer and the sizes.

Each is told before anything is computed, and whatever the initialisers would make of the shapes.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

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
    """Sizes as a person writes them: "55×55×96"."""
    return "×".join(map(str, sides))


def takes_images(call: Call) -> Call:
    """Makes a network's `__call__(self, images, …)` refuse what isn't float [batch, height, width, channels].

    Where a layer finds its map too small, the error says so of the images, too.
    """

    @functools.wraps(call)
    def checked(network: nn.Module, images: jax.Array, *arguments: Any, **keywords: Any) -> Any:
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
    """Checks that a layer's input is a map with room for one window of `window`×`window` pixels at least.

    Args:
      layer: the layer, for its name.
      inputs: the shape of its input.
      window: pixels.
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
    """Raises SmallMapError where there is nothing in a layer's input, [batch, …], but for the batch."""
    if 0 in inputs[1:]:
        raise SmallMapError(f"{name_of(layer)}: its input ({times(*inputs[1:])}) is empty")


def parameter(layer: nn.Module, name: str, initializer: Callable[..., jax.Array], shape: Shape) -> jax.Array:
    """A layer's float32 parameter: from the variables that the network is applied to, or made by `initializer`.

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
