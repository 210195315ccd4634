"""Local response normalisation: Krizhevsky, Sutskever & Hinton, 2012, §3.3."""

from collections.abc import Callable
from typing import ClassVar, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcnn.models.kernels.backend import use_kernel
from jaxcnn.models.kernels.response_norm import respond, respond_by_hand
from jaxcnn.models.layers.core import Layer
from jaxcnn.ranges import Count, NonNegative, Positive


class LocalResponseNorm(Layer):
    """b = a / (k + α Σ a²)^β, where the sum runs over `size` neighbouring channels, fewer at the first and the last.

    The defaults are those of §3.3, where α isn't divided by n = `size`. Caffe and torch divide it, and Caffe's default
    k is 1: `from_caffe` and `from_torch` convert. `groups` divides the channels, in their order, into equal parts that
    are normalised separately.
    """

    kind: ClassVar[str] = "lrn"

    size: Count = 5
    k: Positive = 2.0  # 0 would divide by 0 where all channels are 0
    alpha: NonNegative = 1e-4
    beta: NonNegative = 0.75
    groups: Count = 1

    @classmethod
    def from_caffe(cls, *, local_size=5, k=1.0, alpha=1.0, beta=0.75, **options) -> "LocalResponseNorm":
        """The same function as Caffe's LRN layer with these values (its defaults), which divides α by n.

        >>> LocalResponseNorm.from_caffe(alpha=1e-4).alpha
        2e-05
        """
        return cls(size=local_size, k=k, alpha=alpha / local_size, beta=beta, **options)

    @classmethod
    def from_torch(cls, size: int, *, alpha=1e-4, beta=0.75, k=1.0, **options) -> "LocalResponseNorm":
        """The same function as `torch.nn.LocalResponseNorm` with these values, which divides α by n."""
        return cls(size=size, k=k, alpha=alpha / size, beta=beta, **options)

    @nn.compact
    def __call__(self, images: Float[Array, "*batch channels"]) -> Float[Array, "*batch channels"]:
        if images.shape[-1] % self.groups:
            raise ValueError(f"channels (={images.shape[-1]}) must be divisible by groups (={self.groups}).")
        form = cast(Callable[..., jax.Array], respond_by_hand if use_kernel("response_norm") else respond)
        grouped = images.astype(jnp.float32).reshape(*images.shape[:-1], self.groups, -1)
        return form(grouped, self.size, self.k, self.alpha, self.beta).reshape(images.shape).astype(images.dtype)
