"""The matrix product of a fully connected layer, with an input gradient that reads the weights contiguously.

That gradient is [batch, outputs] @ weights.T. XLA's CPU product gathers the transposed weights value by value, each a
whole row away from the one before. Written as a 1×1 convolution over the weights, as an image that is one pixel wide
and has `outputs` channels, it reads them in their own order.

It can go when XLA's CPU product with a transposed right operand is as fast as with an untransposed one.
"""

import jax
import jax.numpy as jnp

from jaxcnn.models.kernels.backend import use_kernel
from jaxcnn.models.kernels.reference import plain
from jaxcnn.models.sharding.towers import tower_devices

FEW_WEIGHTS = 2**17  # below, both take about as long


def product(inputs: jax.Array, weights: jax.Array) -> jax.Array:
    """inputs [batch, inputs] @ weights [inputs, outputs], in their type.

    Outside CPU, where the towers of a network share the weights, in other types than float32 (whose convolutions
    are slow) and for few weights this is the plain product.
    """
    suits = use_kernel("dense") and tower_devices() == 1 and inputs.dtype == weights.dtype == jnp.float32
    return _product_by_hand(inputs, weights) if suits and weights.size >= FEW_WEIGHTS else inputs @ weights


@jax.custom_vjp
def _product_by_hand(inputs: jax.Array, weights: jax.Array) -> jax.Array:
    return inputs @ weights


def _forward(inputs, weights):
    return inputs @ weights, (inputs, weights)


def _backward(residuals, gradient):
    inputs, weights = residuals
    weight_gradient = jax.lax.dot_general(inputs, gradient, (((0,), (0,)), ((), ())))
    return times_transposed(gradient, weights), weight_gradient


def times_transposed(rows: jax.Array, weights: jax.Array) -> jax.Array:
    """rows [batch, outputs] @ weights.T, for weights [inputs, outputs]; result: [batch, inputs]."""
    image, filters = weights[None, :, None, :], rows.T[None, None]
    return plain(image, filters, (1, 1), ((0, 0), (0, 0)))[0, :, 0].T


_product_by_hand.defvjp(_forward, _backward)
