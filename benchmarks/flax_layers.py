"""The layers of `networks` as one usually writes them in Flax: what ours is measured against, beside torch."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


class FlaxLayers:
    """Linen's layers with Linen's defaults. Pictures are NHWC."""

    def __init__(self, *, train: bool, drop: bool) -> None:
        self.train, self.drop = train, drop

    relu = staticmethod(nn.relu)

    def conv(self, name, x, features, size, stride=1, padding=0, bias=True, groups=1):
        sides = ((padding, padding), (padding, padding))
        options = {"use_bias": bias, "feature_group_count": groups, "name": name}
        return nn.Conv(features, (size, size), (stride, stride), sides, **options)(x)

    def linear(self, name, x, features):
        return nn.Dense(features, name=name)(x.reshape(x.shape[0], -1))

    def norm(self, name, x, epsilon=1e-5):
        return nn.BatchNorm(use_running_average=not self.train, momentum=0.9, epsilon=epsilon, name=name)(x)

    def max_pool(self, x, size, stride, padding=0, ceil=False):
        sides = [(padding, padding + (-(pixels - size) % stride if ceil else 0)) for pixels in x.shape[1:3]]
        return nn.max_pool(x, (size, size), (stride, stride), sides)

    def average_pool(self, x, size, stride):
        return nn.avg_pool(x, (size, size), (stride, stride))

    def respond(self, x, groups=1):
        """The sum of squares by `reduce_window` over the channels, then a power."""

        def one(part):
            sides = ((0, 0), (0, 0), (0, 0), (2, 2))
            sums = jax.lax.reduce_window(part * part, 0.0, jax.lax.add, (1, 1, 1, 5), (1, 1, 1, 1), sides)
            return part / (2.0 + 1e-4 * sums) ** 0.75

        parts = [one(part) for part in jnp.split(x, groups, axis=-1)]
        return parts[0] if groups == 1 else jnp.concatenate(parts, axis=-1)

    def dropout(self, x, rate):
        return nn.Dropout(rate, deterministic=not (self.train and self.drop))(x)

    def concatenate(self, parts):
        return jnp.concatenate(parts, axis=-1)

    def mean(self, x):
        return x.mean((1, 2))

    def every_second_with_zeros(self, x):
        x = x[:, ::2, ::2]
        return jnp.concatenate([x, jnp.zeros_like(x)], axis=-1)


class PlainNetwork(nn.Module):
    """One of `networks` as a Flax module. images: float32 [batch, height, width, channels]."""

    network: Callable[..., Any]
    drop: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> Any:
        return self.network(FlaxLayers(train=train, drop=self.drop), images)
