"""The layers that the papers share. Maps are NHWC: [batch, height, width, channels].

Every layer knows its row of the layer table: its kind, its window (for the receptive field) and its
multiply–accumulates. The layers of a single paper are in that paper's file.
"""

from typing import Any, ClassVar, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from jaxcnn.models.kernels.convolution import convolve, pairs
from jaxcnn.models.kernels.dense import product
from jaxcnn.models.kernels.reductions import add_bias
from jaxcnn.models.layers.initializers import HE_FAN_IN, Constant
from jaxcnn.models.layers.module import CheckedModule
from jaxcnn.models.layers.shapes import Shape, parameter, require_map, require_values
from jaxcnn.models.sharding.batch_rows import local_rows
from jaxcnn.ranges import Count, DropoutRate, RangeError, WholeNumber

Initializer = Any  # called as `initializer(key, shape, dtype)`

SUM = "sum"  # the checkpoint name of what convolutions and matrix products compute, for rematerialisation policies


class ReceptiveField(NamedTuple):
    """What one output unit sees of a layer's input, and the step between neighbours, in pixels of that input."""

    size: int = 1
    stride: int = 1


class Layer(CheckedModule):
    """A row of the layer table. Shapes come with their batch axis."""

    kind: ClassVar[str] = ""

    def window(self, inputs: Shape) -> ReceptiveField:
        """The square of the input (height × width × channels) that one output unit sees."""
        del inputs
        return ReceptiveField()

    def macs(self, inputs: Shape, outputs: Shape) -> int:
        """Multiply–accumulates for one image."""
        del inputs, outputs
        return 0

    def connections(self, inputs: Shape, outputs: Shape) -> int | None:
        """Connections as LeCun et al. (1998) count them, biases included; None for layers that they don't count."""
        del inputs, outputs
        return None


class Conv(Layer):
    """Convolution with square kernels and explicit padding, by default none.

    >>> images = jnp.zeros((1, 227, 227, 3))
    >>> jax.eval_shape(Conv(96, 11, strides=4).init_with_output, jax.random.key(0), images)[0].shape
    (1, 55, 55, 96)
    """

    kind: ClassVar[str] = "conv"

    features: Count
    kernel_size: Count
    strides: Count = 1
    # Pixels of zeros on every side, or ((top, bottom), (left, right)).
    padding: WholeNumber | tuple[tuple[WholeNumber, WholeNumber], tuple[WholeNumber, WholeNumber]] = 0
    groups: Count = 1
    use_bias: bool = True
    kernel_init: Initializer = HE_FAN_IN
    bias_init: Initializer = Constant(0.0)
    dtype: Any = jnp.float32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.features % self.groups:
            raise RangeError(f"features (={self.features}) must be divisible by groups (={self.groups}).")

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch rows columns {self.features}"]:
        require_map(self, images.shape, self.kernel_size, pairs(self.padding))
        channels = images.shape[-1]
        if channels % self.groups:
            raise ValueError(f"input channels (={channels}) must be divisible by groups (={self.groups}).")
        shape = (self.kernel_size, self.kernel_size, channels // self.groups, self.features)
        kernel = parameter(self, "kernel", self.kernel_init, shape).astype(self.dtype)
        outputs = convolve(images.astype(self.dtype), kernel, self.strides, self.padding, self.groups)
        outputs = checkpoint_name(outputs, SUM)
        if self.use_bias:
            bias = parameter(self, "bias", self.bias_init, (self.features,))
            outputs = add_bias(outputs, bias)
        return outputs

    def window(self, inputs: Shape) -> ReceptiveField:
        return ReceptiveField(self.kernel_size, self.strides)

    def macs(self, inputs: Shape, outputs: Shape) -> int:
        fan_in = self.kernel_size**2 * inputs[-1] // self.groups
        return int(np.prod(outputs[1:])) * fan_in

    def connections(self, inputs: Shape, outputs: Shape) -> int | None:
        return self.macs(inputs, outputs) + int(np.prod(outputs[1:])) * self.use_bias


class Dense(Layer):
    """A fully connected layer; maps are flattened in the order height, width, channels."""

    kind: ClassVar[str] = "fc"

    features: Count
    kernel_init: Initializer = HE_FAN_IN
    bias_init: Initializer = Constant(0.0)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, inputs: Float[Array, "batch ..."]) -> Float[Array, "batch {self.features}"]:
        require_values(self, inputs.shape)
        inputs = inputs.reshape(inputs.shape[0], -1).astype(self.dtype)
        kernel = parameter(self, "kernel", self.kernel_init, (inputs.shape[-1], self.features))
        bias = parameter(self, "bias", self.bias_init, (self.features,))
        outputs = checkpoint_name(product(inputs, kernel.astype(self.dtype)), SUM)
        return add_bias(outputs, bias)

    def window(self, inputs: Shape) -> ReceptiveField:
        return ReceptiveField(inputs[1] if len(inputs) == 4 else 1)

    def macs(self, inputs: Shape, outputs: Shape) -> int:
        return int(np.prod(inputs[1:])) * self.features

    def connections(self, inputs: Shape, outputs: Shape) -> int | None:
        return self.macs(inputs, outputs) + self.features


class Dropout(Layer):
    """Sets each value to 0 with probability `rate` in training and divides the rest by 1 − rate.

    The papers multiply by 1 − rate at test time instead, which is the same in expectation. The mask of a row
    depends on its place in the whole batch, not on how many devices or micro-batches share the batch.
    """

    kind: ClassVar[str] = "dropout"

    rate: DropoutRate = 0.5

    @nn.compact
    def __call__(self, inputs: Float[Array, "batch *sides"], *, train: bool) -> Float[Array, "batch *sides"]:
        if not train or self.rate == 0.0:
            return inputs
        key, shape = self.make_rng("dropout"), inputs.shape[1:]
        keep = local_rows(lambda rows: jax.random.bernoulli(key, 1.0 - self.rate, (rows, *shape)), inputs.shape[0])
        return jnp.where(keep, inputs / np.array(1.0 - self.rate, inputs.dtype), np.array(0, inputs.dtype))
