"""Batch normalisation: Ioffe & Szegedy, "Batch Normalization: Accelerating Deep Network Training…", 2015."""

import contextlib
from collections.abc import Callable, Collection, Iterator
from typing import Any, ClassVar, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcnn.models.kernels.backend import use_kernel
from jaxcnn.models.kernels.batch_norm import normalise, normalise_by_hand, scale_and_shift
from jaxcnn.models.layers.core import Initializer, Layer
from jaxcnn.models.layers.initializers import Constant
from jaxcnn.models.layers.shapes import parameter, require_values
from jaxcnn.ranges import Decay, Positive


class BatchNorm(Layer):
    """y = scale · (x − mean) / √(variance + ε) + bias, per channel.

    In training, mean and variance are those of the batch: of the whole batch under `jit`, however many devices share
    it, and of each device's part under `pmap`. At test time they are the running averages in the collection
    "batch_stats" (float32 mean and var), which training updates: `mutable=["batch_stats"]`.

    The batch is normalised by its biased variance (÷ m, Algorithm 1). The running average is that of the unbiased
    variance (÷ m − 1, Algorithm 2, step 10), as in torch; Flax's own layer averages the biased one.
    """

    kind: ClassVar[str] = "bn"

    epsilon: Positive = 1e-5
    momentum: Decay = 0.9  # the share of the old average that is kept; torch calls 0.1 what is 0.9 here
    scale_init: Initializer = Constant(1.0)
    bias_init: Initializer = Constant(0.0)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, inputs: Float[Array, "batch *sides channels"], *, train: bool
    ) -> Float[Array, "batch *sides channels"]:
        require_values(self, inputs.shape)
        channels = inputs.shape[-1:]
        scale = parameter(self, "scale", self.scale_init, channels)
        bias = parameter(self, "bias", self.bias_init, channels)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, channels, jnp.float32)
        running_var = self.variable("batch_stats", "var", jnp.ones, channels, jnp.float32)

        if train:
            form = normalise_by_hand if use_kernel("batch_norm") else normalise
            outputs, mean, var = cast(Callable[..., tuple[jax.Array, ...]], form)(inputs, scale, bias, self.epsilon)
            if not self.is_initializing():
                count = inputs.size // inputs.shape[-1]
                unbiased = var * (count / max(count - 1, 1))
                running_mean.value = self.momentum * running_mean.value + (1 - self.momentum) * mean
                running_var.value = self.momentum * running_var.value + (1 - self.momentum) * unbiased
        else:
            outputs = scale_and_shift(inputs, running_mean.value, running_var.value, scale, bias, self.epsilon)
        return outputs.astype(self.dtype)


@contextlib.contextmanager
def frozen_batch_norm(layers: Collection[str]) -> Iterator[None]:
    """Within it, batch normalisation in these layers is in training what it is at test time.

    It normalises by the running averages, and those stand still.

    Args:
      layers: names of layers, "conv2_1.a.bn".
    """

    def interceptor(call: Callable, args: Any, kwargs: Any, context: Any) -> Any:
        layer = context.module
        if isinstance(layer, BatchNorm) and context.method_name == "__call__" and ".".join(layer.path) in layers:
            kwargs = {**kwargs, "train": False}
        return call(*args, **kwargs)

    with nn.intercept_methods(interceptor) if layers else contextlib.nullcontext():
        yield
