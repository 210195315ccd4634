"""Initialisers as values, which are equal when their numbers are equal.

So a model that has one can be compared, printed, overridden (`--set model.kernel_init.std=0.005`) and written to
`experiment.json`. They are called as JAX's initialisers are: `initializer(key, shape, dtype)`.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxcnn.ranges import NonNegative, Positive, check


@dataclasses.dataclass(frozen=True)
class Constant:
    """Every element is `value`."""

    value: float = 0.0

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, key: Key[Array, ""], shape: Sequence[int], dtype: Any = jnp.float32) -> Float[Array, "..."]:
        del key
        return jnp.full(shape, self.value, dtype)


@dataclasses.dataclass(frozen=True)
class Normal:
    """Gaussian with mean 0 and standard deviation `std`."""

    std: NonNegative  # 0 makes every element 0

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, key: Key[Array, ""], shape: Sequence[int], dtype: Any = jnp.float32) -> Float[Array, "..."]:
        return jax.nn.initializers.normal(self.std)(key, tuple(shape), dtype)


@dataclasses.dataclass(frozen=True)
class TruncatedNormal:
    """Gaussian with mean 0 and standard deviation `std`, truncated at ±2 `std` (torchvision's GoogLeNet: 0.01)."""

    std: NonNegative  # 0 makes every element 0

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, key: Key[Array, ""], shape: Sequence[int], dtype: Any = jnp.float32) -> Float[Array, "..."]:
        return self.std * jax.random.truncated_normal(key, -2.0, 2.0, tuple(shape), dtype)


@dataclasses.dataclass(frozen=True)
class VarianceScaling:
    """Mean 0 and variance `scale` / fan, as `jax.nn.initializers.variance_scaling`."""

    scale: Positive
    mode: Literal["fan_in", "fan_out", "fan_avg"]
    distribution: Literal["normal", "truncated_normal", "uniform"]

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, key: Key[Array, ""], shape: Sequence[int], dtype: Any = jnp.float32) -> Float[Array, "..."]:
        initializer = jax.nn.initializers.variance_scaling(self.scale, self.mode, self.distribution)
        return initializer(key, tuple(shape), dtype)


CAFFE_XAVIER = VarianceScaling(1.0, "fan_in", "uniform")  # Caffe's "xavier": U(±√(3 / fan-in))
HE_FAN_IN = VarianceScaling(2.0, "fan_in", "normal")  # He et al. 2015, eq. 10
HE_FAN_OUT = VarianceScaling(2.0, "fan_out", "normal")  # torchvision's ResNet and VGG
GLOROT_UNIFORM = VarianceScaling(1.0, "fan_avg", "uniform")  # Glorot & Bengio 2010, eq. 16
