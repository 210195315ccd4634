"""The layers that the papers share. Arrays are NHWC: [batch, height, width, channels].

Every layer knows what a row of the layer table says of it: its kind, its window (for the receptive field) and
its multiply–accumulates. A layer of one paper alone lives in that paper's file.
"""

from typing import Any, ClassVar, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.models.initializers import HE_FAN_IN, Constant

Shape = tuple[int, ...]
Padding = int | tuple[tuple[int, int], tuple[int, int]]
Initializer = Any  # called as `initializer(key, shape, dtype)`

BATCH_AXIS = "data"  # the name of the axis over which devices share a batch


class Window(NamedTuple):
    """What one output unit sees of a layer's input, in input pixels, and the step between neighbours."""

    size: int = 1
    stride: int = 1


class Layer(nn.Module):
    """A row of the layer table. Shapes come with their batch axis."""

    kind: ClassVar[str] = ""

    def window(self, inputs: Shape) -> Window:
        """The square of the input (height × width × channels) that one output unit sees."""
        del inputs
        return Window()

    def macs(self, inputs: Shape, outputs: Shape) -> int:
        """Multiply–accumulates for one picture."""
        del inputs, outputs
        return 0

    def connections(self, inputs: Shape, outputs: Shape) -> int | None:
        """Connections as LeCun et al. (1998) count them, biases included; None where nobody counts them."""
        del inputs, outputs
        return None


def batch_position(rows: int) -> tuple[jax.Array | int, int]:
    """Where this device's `rows` examples stand in the whole batch: (its first row, rows in all).

    Under `jit` an array is the whole batch. Under `pmap` each device holds a part of it, and random numbers
    must be drawn for the part: the same ones that a single device would draw for those rows.
    """
    try:
        index = jax.lax.axis_index(BATCH_AXIS)
    except NameError:  # no such axis: the batch is whole
        return 0, rows
    return index * rows, jax.lax.axis_size(BATCH_AXIS) * rows


def pairs(padding: Padding) -> tuple[tuple[int, int], tuple[int, int]]:
    """Explicit padding as ((top, bottom), (left, right)); one number pads all four sides."""
    return ((padding, padding), (padding, padding)) if isinstance(padding, int) else padding


def along_channels(values: jax.Array, like: jax.Array) -> jax.Array:
    """`values` [channels] in the rank and type of `like`, whose last axis they belong to."""
    return values.astype(like.dtype).reshape((1,) * (like.ndim - 1) + (-1,))


def convolve(
    images: jax.Array, kernel: jax.Array, strides: int = 1, padding: Padding = 0, groups: int = 1
) -> jax.Array:
    """Cross-correlation, which this field calls convolution. kernel: [height, width, inputs / groups, outputs].

    Groups are split and concatenated rather than given to `feature_group_count`: under `jit` on several devices
    the partitioner gathers the whole batch for a grouped convolution, and on CPU that form is several times
    slower. The values are the same to the bit.
    """
    parts = zip(jnp.split(images, groups, axis=-1), jnp.split(kernel, groups, axis=-1), strict=True)
    outputs = [
        jax.lax.conv_general_dilated(
            part, weights, (strides, strides), pairs(padding), dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        for part, weights in parts
    ]
    return outputs[0] if groups == 1 else jnp.concatenate(outputs, axis=-1)


class Conv(Layer):
    """Convolution with explicit padding, by default 'valid'."""

    kind: ClassVar[str] = "conv"

    features: int
    kernel_size: int
    strides: int = 1
    padding: Padding = 0
    groups: int = 1
    use_bias: bool = True
    kernel_init: Initializer = HE_FAN_IN
    bias_init: Initializer = Constant(0.0)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        channels = images.shape[-1]
        for name, count in (("input channels", channels), ("features", self.features)):
            if count % self.groups:
                raise ValueError(f"{name} (={count}) must be divisible by groups (={self.groups}).")
        shape = (self.kernel_size, self.kernel_size, channels // self.groups, self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32).astype(self.dtype)
        outputs = convolve(images.astype(self.dtype), kernel, self.strides, self.padding, self.groups)
        if self.use_bias:
            bias = self.param("bias", self.bias_init, (self.features,), jnp.float32)
            outputs = outputs + along_channels(bias, outputs)
        return outputs

    def window(self, inputs: Shape) -> Window:
        return Window(self.kernel_size, self.strides)

    def macs(self, inputs: Shape, outputs: Shape) -> int:
        fan_in = self.kernel_size**2 * inputs[-1] // self.groups
        return int(np.prod(outputs[1:])) * fan_in

    def connections(self, inputs: Shape, outputs: Shape) -> int | None:
        return self.macs(inputs, outputs) + int(np.prod(outputs[1:])) * self.use_bias


class Dense(Layer):
    """A fully connected layer; a feature map [batch, height, width, channels] is flattened in that order."""

    kind: ClassVar[str] = "fc"

    features: int
    kernel_init: Initializer = HE_FAN_IN
    bias_init: Initializer = Constant(0.0)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        inputs = inputs.reshape(inputs.shape[0], -1).astype(self.dtype)
        kernel = self.param("kernel", self.kernel_init, (inputs.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", self.bias_init, (self.features,), jnp.float32)
        outputs = inputs @ kernel.astype(self.dtype)
        return outputs + along_channels(bias, outputs)

    def window(self, inputs: Shape) -> Window:
        return Window(inputs[1] if len(inputs) == 4 else 1)

    def macs(self, inputs: Shape, outputs: Shape) -> int:
        return int(np.prod(inputs[1:])) * self.features

    def connections(self, inputs: Shape, outputs: Shape) -> int | None:
        return self.macs(inputs, outputs) + self.features


def pool_padding(size: int, window: int, strides: int, padding: int, ceil: bool) -> tuple[int, int]:
    """Padding (before, after) of one axis. With `ceil`, a last window that would start inside the picture counts.

    Caffe and cuda-convnet round the number of windows up, torch and Flax down.
    """
    if not ceil:
        return padding, padding
    windows = -(-(size + 2 * padding - window) // strides) + 1
    if (windows - 1) * strides >= size + padding:  # Caffe: no window may start beyond the picture
        windows -= 1
    return padding, max((windows - 1) * strides + window - size - padding, 0)


class MaxPool(Layer):
    """The largest value of each window; padding counts as minus infinity."""

    kind: ClassVar[str] = "maxpool"

    size: int
    strides: int
    padding: int = 0
    ceil: bool = False

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        padding = [pool_padding(n, self.size, self.strides, self.padding, self.ceil) for n in images.shape[1:3]]
        return jax.lax.reduce_window(
            images,
            np.array(-np.inf, images.dtype),
            jax.lax.max,
            (1, self.size, self.size, 1),
            (1, self.strides, self.strides, 1),
            ((0, 0), *padding, (0, 0)),
        )

    def window(self, inputs: Shape) -> Window:
        return Window(self.size, self.strides)


class AveragePool(Layer):
    """The mean of each window, which must lie inside the picture."""

    kind: ClassVar[str] = "avgpool"

    size: int
    strides: int

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        sums = sum_windows(images, self.size, self.strides)
        return sums / np.array(self.size**2, images.dtype)

    def window(self, inputs: Shape) -> Window:
        return Window(self.size, self.strides)


def sum_windows(images: jax.Array, size: int, strides: int) -> jax.Array:
    """The sum of each `size`×`size` window, without padding. images: [batch, height, width, channels]."""
    return jax.lax.reduce_window(
        images,
        np.array(0, images.dtype),
        jax.lax.add,
        (1, size, size, 1),
        (1, strides, strides, 1),
        "VALID",
    )


class GlobalAveragePool(Layer):
    """The mean over height and width: [batch, height, width, channels] → [batch, channels]."""

    kind: ClassVar[str] = "gap"

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        return images.mean(axis=(1, 2))

    def window(self, inputs: Shape) -> Window:
        return Window(inputs[1])


class LocalResponseNorm(Layer):
    """b = a / (k + α Σ a²)^β over `size` neighbouring channels; the window is clipped at the channels' ends.

    Krizhevsky et al. 2012, §3.3: k = 2, n = 5, α = 1e-4, β = 0.75, α not divided by n. Caffe and torch divide α
    by n, and Caffe's default k is 1: `from_caffe` and `from_torch` convert.
    """

    kind: ClassVar[str] = "lrn"

    size: int = 5
    k: float = 2.0
    alpha: float = 1e-4
    beta: float = 0.75

    @classmethod
    def from_caffe(cls, *, local_size=5, k=1.0, alpha=1.0, beta=0.75, **options) -> "LocalResponseNorm":
        """The same function as a Caffe LRN layer with these values (its defaults), which divides α by n."""
        return cls(size=local_size, k=k, alpha=alpha / local_size, beta=beta, **options)

    @classmethod
    def from_torch(cls, size: int, *, alpha=1e-4, beta=0.75, k=1.0, **options) -> "LocalResponseNorm":
        """The same function as `torch.nn.LocalResponseNorm` with these values, which divides α by n."""
        return cls(size=size, k=k, alpha=alpha / size, beta=beta, **options)

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        channels = images.shape[-1]
        # Channel i is normalised by channels i − n/2 … i + n/2: a banded channels × channels matrix, which is
        # faster and more exact on every platform than windows over channels.
        offsets = np.arange(channels)[:, None] - np.arange(channels)[None, :]
        band = ((offsets <= self.size // 2) & (offsets >= -((self.size - 1) // 2))).astype(np.float32)
        images32 = images.astype(jnp.float32)
        scale = self.k + self.alpha * (jnp.square(images32) @ band)
        if self.beta == 0.75:  # scale^−3/4 by square roots, which are cheaper than a power
            root = jax.lax.rsqrt(scale)
            return (images32 * (root * jnp.sqrt(root))).astype(images.dtype)
        return (images32 * scale**-self.beta).astype(images.dtype)


class Dropout(Layer):
    """Sets each value to 0 with probability `rate` in training and divides the rest by 1 − rate.

    The papers multiply by 1 − rate at test time instead, which is the same in expectation. The mask of a row
    depends on the row's place in the whole batch, not on how many devices share it.
    """

    kind: ClassVar[str] = "dropout"

    rate: float = 0.5

    @nn.compact
    def __call__(self, inputs: jax.Array, *, train: bool) -> jax.Array:
        if not train or self.rate == 0.0:
            return inputs
        first, rows = batch_position(inputs.shape[0])
        keep = jax.random.bernoulli(self.make_rng("dropout"), 1.0 - self.rate, (rows, *inputs.shape[1:]))
        if rows != inputs.shape[0]:
            keep = jax.lax.dynamic_slice_in_dim(keep, first, inputs.shape[0])
        return jnp.where(keep, inputs / np.array(1.0 - self.rate, inputs.dtype), np.array(0, inputs.dtype))
