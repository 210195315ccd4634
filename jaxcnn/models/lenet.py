"""LeNet-5 as its paper has it: partial C3, trainable subsampling, distances to fixed pictures as output.

Source: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", 1998,
§II-B, Table I, Fig. 2, Appendices A (squashing, initialisation) and C (second derivatives).
The 28×28 network that is called LeNet-5 today, and Caffe's, are in `lenet_variants.py`.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.models.kernels.convolution import convolve
from jaxcnn.models.layers.core import Layer, ReceptiveField
from jaxcnn.models.layers.module import CheckedModule, name_of
from jaxcnn.models.layers.rbf import EuclideanRBF
from jaxcnn.models.layers.shapes import Shape, parameter, require_map, require_values, takes_images, times
from jaxcnn.ranges import NOT_EMPTY, Count, NonNegative, RangeError, WholeNumber, check

# Table I: the S2 maps that each C3 map sees.
C3_TABLE: tuple[tuple[int, ...], ...] = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)


def squash(sums: jax.Array) -> jax.Array:
    """1.7159·tanh(2a/3): f(±1) = ±1, where its curvature is largest (Appendix A). Any shape."""
    return 1.7159 * jnp.tanh(sums * (2 / 3))


Linear = Callable[[jax.Array, dict[str, jax.Array]], jax.Array]


def _second_order(linear: Linear) -> Linear:
    """The same values, but reverse mode carries second derivatives in place of first ones (Appendix C).

    A unit's sum is a = Σ w·x + b. With ∂²E/∂a² given, ∂²E/∂w² is Σ x²·∂²E/∂a² over the connections that share
    w, and ∂²E/∂x² is Σ w²·∂²E/∂a². Those are first derivatives of the same function at x² and w².
    """

    @jax.custom_vjp
    def sums(inputs, weights):
        return linear(inputs, weights)

    def backward(residuals, curvature):
        return jax.vjp(linear, *jax.tree.map(jnp.square, residuals))[1](curvature)

    sums.defvjp(lambda inputs, weights: (linear(inputs, weights), (inputs, weights)), backward)
    return sums


@jax.custom_vjp
def _second_order_squash(sums: jax.Array) -> jax.Array:
    return squash(sums)


def _second_order_squash_backward(sums, curvature):
    # Gauss–Newton: f'² only; the term with f'' is dropped, so that no curvature is negative (Appendix C).
    slope = 1.7159 * (2 / 3) * (1.0 - jnp.square(jnp.tanh(sums * (2 / 3))))
    return (curvature * jnp.square(slope),)


_second_order_squash.defvjp(lambda sums: (squash(sums), sums), _second_order_squash_backward)


@dataclasses.dataclass(frozen=True)
class FanInUniform:
    """U(±2.4 / F^power), F the inputs of the unit a weight belongs to; `fan_in` may differ along the last axis.

    The paper's letter is a power of 1 (Appendix A). Its reason, that sums should begin where the squashing function
    bends, asks for the deviation of a sum of F independent inputs: a power of 1/2. The paper doesn't say whether the
    bias is one of the inputs. Here it isn't.
    """

    fan_in: Count | Annotated[tuple[Count, ...], NOT_EMPTY]
    power: NonNegative

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, key: jax.Array, shape: Sequence[int], dtype=jnp.float32) -> jax.Array:
        limit = 2.4 / np.broadcast_to(np.array(self.fan_in, np.float32), tuple(shape)) ** self.power
        return jax.random.uniform(key, tuple(shape), dtype, -1.0, 1.0) * limit.astype(dtype)


class SquashedUnits(Layer):
    """Units whose weighted sums are squashed. Subclasses declare weights and say how they are summed."""

    features: Count
    fan_in_power: NonNegative  # see `FanInUniform`
    dtype: Any = jnp.float32

    def weights(self, inputs: Shape) -> dict[str, tuple[tuple[int, ...], int | tuple[int, ...]]]:
        """Each weight's shape and fan-in, for inputs of this shape."""
        raise NotImplementedError

    def weighted_sums(self, inputs: jax.Array, weights: dict[str, jax.Array]) -> jax.Array:
        """Σ w·x + b of every unit: linear in the inputs and in the weights."""
        raise NotImplementedError

    @nn.compact
    def __call__(self, inputs: jax.Array, *, curvature: bool = False) -> jax.Array:
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
    """5×5 'valid' convolution; with a `table`, each map sees only the input maps that the table names.

    The kernel holds the weights that exist and nothing else: [5, 5, inputs, maps], or with a table [5, 5, pairs],
    the pairs of input map and map in the table's order.
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

    def weighted_sums(self, inputs: jax.Array, weights: dict[str, jax.Array]) -> jax.Array:
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
    """The sum of 2×2 neighbours times a coefficient plus a bias, both trained, one pair for each map."""

    kind: ClassVar[str] = "subsample"

    def weights(self, inputs: Shape):
        require_map(self, inputs, 2)
        if inputs[1] % 2 or inputs[2] % 2 or inputs[3] != self.features:
            wanted = f"{self.features} maps with even sides"
            raise ValueError(f"{name_of(self)} takes {wanted}, not {times(*inputs[1:])}.")
        return {"coefficient": ((self.features,), 4), "bias": ((self.features,), 4)}

    def weighted_sums(self, inputs: jax.Array, weights: dict[str, jax.Array]) -> jax.Array:
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

    def weighted_sums(self, inputs: jax.Array, weights: dict[str, jax.Array]) -> jax.Array:
        return inputs.reshape(inputs.shape[0], -1) @ weights["kernel"] + weights["bias"][None]

    def macs(self, inputs: Shape, outputs: Shape) -> int:
        return int(np.prod(inputs[1:])) * self.features


class LeNet5(CheckedModule):
    """LeNet-5 of 1998: 60,000 parameters, 340,908 connections.

    Call with images, float32 [batch, 32, 32, 1], background −0.1 and ink 1.175 (§II-B); returns scores, float32
    [batch, 10], minus the squared distances to the prototypes. Raises ValueError for any other number of classes,
    as the prototypes are the ten digits, and for other picture sizes.

    fan_in_power: weights begin in ±2.4 / F^fan_in_power: 1 is the paper's letter, 1/2 what its reason asks for. Where
    four neighbours are added (S2, S4) it is always 1: they are nearly equal, so their sum grows like 4, not like √4.
    """

    num_classes: Count = 10
    fan_in_power: NonNegative = 0.5
    dtype: Any = jnp.float32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_classes != 10:
            raise RangeError(
                f"num_classes (={self.num_classes}) must be 10: LeNet5's outputs are pictures of the ten digits; "
                "use ModernLeNet5 for other classes."
            )

    def setup(self) -> None:
        power, dtype = self.fan_in_power, self.dtype
        self.C1 = FeatureMaps(6, power, dtype)
        self.S2 = Subsampling(6, 1.0, dtype)
        self.C3 = FeatureMaps(16, power, dtype, C3_TABLE)
        self.S4 = Subsampling(16, 1.0, dtype)
        self.C5 = FeatureMaps(120, power, dtype)
        self.F6 = FullyConnected(84, power, dtype)
        self.output = EuclideanRBF()

    @takes_images
    def features(self, images: jax.Array, *, curvature: bool = False) -> jax.Array:
        """What F6 gives, [batch, 84]. With `curvature`, reverse mode carries Gauss–Newton second derivatives:
        ∂²E/∂x² of F6's outputs goes in, ∂²E/∂w² of every weight (and of the pictures) comes out.
        """
        if images.shape[1:] != (32, 32, 1):
            raise ValueError(f"LeNet5: images {images.shape} must be [batch, 32, 32, 1]; pad 28×28 pictures by 2.")
        x = self.C1(images, curvature=curvature)  # 28×28×6
        x = self.S2(x, curvature=curvature)  # 14×14×6
        x = self.C3(x, curvature=curvature)  # 10×10×16
        x = self.S4(x, curvature=curvature)  # 5×5×16
        x = self.C5(x, curvature=curvature)  # 1×1×120
        return self.F6(x, curvature=curvature)  # 84

    @takes_images
    def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
        del train
        return self.output(self.features(images))
