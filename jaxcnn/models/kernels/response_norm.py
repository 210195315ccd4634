"""Local response normalisation over channels, with its gradient.

A window over channels is a product with a banded channels × channels matrix. On CPU that is faster than
`reduce_window` over channels; on GPU and TPU, where it is used too, they weren't compared.

The gradient of its own can go when JAX's gradient of `respond` takes no more powers and products than it does.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np


def band(channels: int, size: int) -> np.ndarray:
    """1 where channel i is among the `size` neighbours of channel j, float32 [i, j]; clipped at the ends."""
    offsets = np.arange(channels)[:, None] - np.arange(channels)[None, :]
    return ((offsets <= size // 2) & (offsets >= -((size - 1) // 2))).astype(np.float32)


def _power(scale: jax.Array, beta: float) -> jax.Array:
    """scale^−β; for β = 3/4 by square roots, which cost less than a power."""
    if beta != 0.75:
        return scale**-beta
    root = jax.lax.rsqrt(scale)
    return root * jnp.sqrt(root)


def respond(images: jax.Array, size: int, k: float, alpha: float, beta: float) -> jax.Array:
    """images / (k + α Σ images²)^β, the sum over `size` neighbouring channels. float32 [..., channels], same out."""
    scale = k + alpha * (jnp.square(images) @ band(images.shape[-1], size))
    return images * _power(scale, beta)


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4))
def respond_by_hand(images: jax.Array, size: int, k: float, alpha: float, beta: float) -> jax.Array:
    """The same as `respond`; its gradient takes one product and at most one power."""
    return respond(images, size, k, alpha, beta)


def _forward(images, size, k, alpha, beta):
    scale = k + alpha * (jnp.square(images) @ band(images.shape[-1], size))
    return images * _power(scale, beta), (images, scale)


def _backward(size, k, alpha, beta, residuals, gradient):
    del k
    images, scale = residuals
    direct = gradient * _power(scale, beta)
    # Channel j stands in the sums of the channels whose windows hold it: the band, transposed.
    through = (direct * images / scale) @ band(images.shape[-1], size).T
    return (direct - (2 * alpha * beta) * images * through,)


respond_by_hand.defvjp(_forward, _backward)
