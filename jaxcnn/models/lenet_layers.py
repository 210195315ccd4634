"""The layers of LeNet-5: partial and full convolutions, trainable subsampling, squashed units.

Source: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", 1998,
§II-B, Appendices A (squashing, initialisation) and C (second derivatives).
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxcnn.models.kernels.convolution import convolve
from jaxcnn.models.layers.core import Layer, ReceptiveField
from jaxcnn.models.layers.module import name_of
from jaxcnn.models.layers.shapes import Shape, parameter, require_map, require_values, times
from jaxcnn.ranges import NOT_EMPTY, Count, NonNegative, RangeError, WholeNumber, check


def squash(sums: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """1.7159·tanh(2a/3): f(±1) = ±1, where its curvature is largest (Appendix A).

    >>> squash(jnp.array([-1.0, 0.0, 1.0])).round(4)
    Array([-1.,  0.,  1.], dtype=float32)
    """
    return 1.7159 * jnp.tanh(sums * (2 / 3))


Weights = dict[str, Float[Array, "..."]]
Linear = Callable[[jax.Array, Weights], jax.Array]  # (inputs, weights) → sums


def _second_order(linear: Linear) -> Linear:
    """The same function, whose reverse mode carries second derivatives instead of first ones (Appendix C).

    A unit's sum is a = Σ w·x + b. Given ∂²E/∂a², ∂²E/∂w² is Σ x²·∂²E/∂a² over the connections that share w, and
    ∂²E/∂x² is Σ w²·∂²E/∂a². Those are first derivatives of the same function at x² and w².
    """

    @jax.custom_vjp
    def sums(inputs, weights):
        return linear(inputs, weights)

    def backward(residuals, curvature):
        return jax.vjp(linear, *jax.tree.map(jnp.square, residuals))[1](curvature)

    sums.defvjp(lambda inputs, weights: (linear(inputs, weights), (inputs, weights)), backward)
    return sums


@jax.custom_vjp
def _second_order_squash(sums: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`squash`, whose reverse mode carries second derivatives."""
    return squash(sums)


def _second_order_squash_backward(sums, curvature):
    # The Gauss–Newton approximation: f'² alone. Without the term in f'', no curvature is negative (Appendix C).
    slope = 1.7159 * (2 / 3) * (1.0 - jnp.square(jnp.tanh(sums * (2 / 3))))
    return (curvature * jnp.square(slope),)


_second_order_squash.defvjp(lambda sums: (squash(sums), sums), _second_order_squash_backward)


@dataclasses.dataclass(frozen=True)
class FanInUniform:
    """Uniform in ±2.4 / F^power, where F is the number of inputs of the weight's unit (Appendix A).

    The formula as printed has a power of 1. Its reason, that sums should begin where the squashing function bends,
    asks for 1/2: the standard deviation of a sum of F independent inputs grows with √F. The paper doesn't say
    whether the bias counts as an input; here it doesn't.
    """

    fan_in: Count | Annotated[tuple[Count, ...], NOT_EMPTY]  # F, or F for each place of the last axis
    power: NonNegative

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, key: Key[Array, ""], shape: Sequence[int], dtype: Any = jnp.float32) -> Float[Array, "..."]:
        limit = 2.4 / np.broadcast_to(np.array(self.fan_in, np.float32), tuple(shape)) ** self.power
        return jax.random.uniform(key, tuple(shape), dtype, -1.0, 1.0) * limit.astype(dtype)


class SquashedUnits(Layer):
    """Units whose weighted sums are squashed. Subclasses declare the weights and compute the sums."""

    features: Count
    fan_in_power: NonNegative  # see `FanInUniform`
    dtype: Any = jnp.float32

    def weights(self, inputs: Shape) -> dict[str, tuple[tuple[int, ...], int | tuple[int, ...]]]:
        """Name of a weight → its shape and its fan-in, for inputs of this shape."""
        raise NotImplementedError

    def weighted_sums(self, inputs: Float[Array, "batch ..."], weights: Weights) -> Float[Array, "batch ..."]:
        """Σ w·x + b of every unit, which is linear in the inputs and in the weights."""
        raise NotImplementedError

    @nn.compact
    def __call__(self, inputs: Float[Array, "batch ..."], *, curvature: bool = False) -> Float[Array, "batch ..."]:
        """The squashed sums; with `curvature`, their reverse mode carries second derivatives (Appendix C)."""
        weights = {
            name: parameter(self, name, FanInUniform(fan_in, self.fan_in_power), shape).astype(self.dtype)
            for name, (shape, fan_in) in self.weights(inputs.shape).items()
        }
        inputs = inputs.astype(self.dtype)
        if curvature:
            return _second_order_squash(_second_order(self.weighted_sums)(inputs, weights))
        return squash(self.weighted_sums(inputs, weights))

    def connections(self, inputs: Shape, outputs: Shape) -> int | None:
        return self.macs(inputs, outputs) + int(np.prod(outputs[1:]))


class FeatureMaps(SquashedUnits):
    """A 5×5 convolution without padding; with a `table`, each map sees only the input maps that the table names.

    The kernel has only the weights that exist: [5, 5, inputs, maps], or with a table [5, 5, pairs], where the pairs
    of input map and map are in the table's order.
    """

    kind: ClassVar[str] = "conv"

    table: tuple[Annotated[tuple[WholeNumber, ...], NOT_EMPTY], ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.table is not None and len(self.table) != self.features:
            raise RangeError(f"table (={self.table}) must have a row for each of features (={self.features}).")

    def weights(self, inputs: Shape):
        require_map(self, inputs, 5)
        if self.table is not None and max(map(max, self.table)) >= inputs[-1]:
            raise ValueError(
                f"{name_of(self)}: its table names map {max(map(max, self.table))}; there are {inputs[-1]}."
            )
        if self.table is None:
            fan_in = 25 * inputs[-1]
            return {"kernel": ((5, 5, inputs[-1], self.features), fan_in), "bias": ((self.features,), fan_in)}
        pair_fan_in = tuple(25 * len(seen) for seen in self.table for _ in seen)
        map_fan_in = tuple(25 * len(seen) for seen in self.table)
        return {"kernel": ((5, 5, len(pair_fan_in)), pair_fan_in), "bias": ((self.features,), map_fan_in)}

    def weighted_sums(
        self, inputs: Float[Array, "batch height width maps"], weights: Weights
    ) -> Float[Array, "batch height-4 width-4 {self.features}"]:
        kernel = weights["kernel"]
        if self.table is not None:
            places = [source * self.features + i for i, seen in enumerate(self.table) for source in seen]
            dense = jnp.zeros((5, 5, inputs.shape[-1] * self.features), kernel.dtype)
            dense = dense.at[..., np.array(places)].set(kernel, unique_indices=True)
            kernel = dense.reshape(5, 5, inputs.shape[-1], self.features)
        return convolve(inputs, kernel) + weights["bias"][None, None, None]

    def window(self, inputs: Shape) -> ReceptiveField:
        return ReceptiveField(5, 1)

    def macs(self, inputs: Shape, outputs: Shape) -> int:
        pairs = sum(map(len, self.table)) if self.table else inputs[-1] * self.features
        return 25 * pairs * outputs[1] * outputs[2]


class Subsampling(SquashedUnits):
    """The sum of 2×2 neighbours, times a coefficient, plus a bias; each map has its own trained pair (§II-B)."""

    kind: ClassVar[str] = "subsample"

    def weights(self, inputs: Shape):
        require_map(self, inputs, 2)
        if inputs[1] % 2 or inputs[2] % 2 or inputs[3] != self.features:
            wanted = f"{self.features} maps with even sides"
            raise ValueError(f"{name_of(self)} takes {wanted}, not {times(*inputs[1:])}.")
        return {"coefficient": ((self.features,), 4), "bias": ((self.features,), 4)}

    def weighted_sums(
        self, inputs: Float[Array, "batch height width maps"], weights: Weights
    ) -> Float[Array, "batch height//2 width//2 maps"]:
        batch, height, width, maps = inputs.shape
        sums = inputs.reshape(batch, height // 2, 2, width // 2, 2, maps).sum(axis=(2, 4))
        return sums * weights["coefficient"][None, None, None] + weights["bias"][None, None, None]

    def window(self, inputs: Shape) -> ReceptiveField:
        return ReceptiveField(2, 2)

    def macs(self, inputs: Shape, outputs: Shape) -> int:
        return int(np.prod(outputs[1:]))  # one product for each unit, after the sum

    def connections(self, inputs: Shape, outputs: Shape) -> int | None:
        return 5 * int(np.prod(outputs[1:]))  # the paper counts the four inputs and the bias


class FullyConnected(SquashedUnits):
    """Every unit sees every input."""

    kind: ClassVar[str] = "fc"

    def weights(self, inputs: Shape):
        require_values(self, inputs)
        fan_in = int(np.prod(inputs[1:]))
        return {"kernel": ((fan_in, self.features), fan_in), "bias": ((self.features,), fan_in)}

    def weighted_sums(
        self, inputs: Float[Array, "batch ..."], weights: Weights
    ) -> Float[Array, "batch {self.features}"]:
        return inputs.reshape(inputs.shape[0], -1) @ weights["kernel"] + weights["bias"][None]

    def macs(self, inputs: Shape, outputs: Shape) -> int:
        return int(np.prod(inputs[1:])) * self.features
