"""Local response normalisation: Krizhevsky, Sutskever & Hinton, 2012, §3.3."""

from collections.abc import Callable
from typing import ClassVar, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxcnn.models.kernels.backend import use_kernel
from jaxcnn.models.kernels.response_norm import respond, respond_by_hand
from jaxcnn.models.layers.core import Layer
from jaxcnn.ranges import Count, NonNegative, Positive


class LocalResponseNorm(Layer):
    """b = a / (k + α Σ a²)^β over `size` neighbouring channels; the window is clipped at the channels' ends.

    Krizhevsky et al. 2012, §3.3: k = 2, n = 5, α = 1e-4, β = 0.75, α not divided by n. Caffe and torch divide α
    by n, and Caffe's default k is 1: `from_caffe` and `from_torch` convert. Channels of different `groups`, equal
    parts of them in their order, are no neighbours.
    """

    kind: ClassVar[str] = "lrn"

    size: Count = 5
    k: Positive = 2.0  # at 0 a place where all maps are 0 would be divided by 0
    alpha: NonNegative = 1e-4
    beta: NonNegative = 0.75
    groups: Count = 1

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
        if images.shape[-1] % self.groups:
            raise ValueError(f"channels (={images.shape[-1]}) must be divisible by groups (={self.groups}).")
        form = cast(Callable[..., jax.Array], respond_by_hand if use_kernel("response_norm") else respond)
        grouped = images.astype(jnp.float32).reshape(*images.shape[:-1], self.groups, -1)
        return form(grouped, self.size, self.k, self.alpha, self.beta).reshape(images.shape).astype(images.dtype)
