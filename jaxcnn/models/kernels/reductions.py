"""Sums over all axes but the channels, as a matrix product with a row of ones.

XLA's CPU reduction over the leading axes walks the channels one by one; a matrix product runs at the speed of memory.
A result of few channels leaves most of a vector empty, so there four neighbours of a row count as more channels and are
added last. They are as many as `im2col` computes at once: the gradient that is summed then has one shape in the
program, and is computed once.

It can go when XLA's CPU reductions over leading axes are vectorised over the channels.
"""

import jax
import jax.numpy as jnp

from jaxcnn.models.kernels.backend import single_device, use_kernel

FEW, NEIGHBOURS = 8, 4  # channels


def channel_sums(values: jax.Array) -> jax.Array:
    """The sum of each channel over all other axes. values: [..., channels]; result: float32 [channels]."""
    values = values.astype(jnp.float32)
    axes = tuple(range(values.ndim - 1))
    if not use_kernel("reductions"):
        return values.sum(axes)
    *places, width, channels = values.shape
    # Several devices would have to add up the neighbours, too.
    if channels <= FEW and len(places) > 1 and width % NEIGHBOURS == 0 and single_device():
        values = values.reshape(*places, width // NEIGHBOURS, NEIGHBOURS * channels)
    # Contracted axis by axis rather than reshaped, so that the partitioner sees the batch's axis.
    ones = jnp.ones(values.shape[:-1], jnp.float32)
    return jax.lax.dot_general(ones, values, ((axes, axes), ((), ()))).reshape(-1, channels).sum(0)


def add_bias(outputs: jax.Array, bias: jax.Array) -> jax.Array:
    """outputs [..., channels] + bias [channels], in the type of the outputs."""
    return _add_bias_by_hand(outputs, bias) if use_kernel("reductions") else _add_bias(outputs, bias)


def _add_bias(outputs: jax.Array, bias: jax.Array) -> jax.Array:
    return outputs + bias.astype(outputs.dtype).reshape((1,) * (outputs.ndim - 1) + (-1,))


@jax.custom_vjp
def _add_bias_by_hand(outputs: jax.Array, bias: jax.Array) -> jax.Array:
    return _add_bias(outputs, bias)


def _forward(outputs, bias):
    return _add_bias(outputs, bias), bias


def _backward(bias, gradient):
    return gradient, channel_sums(gradient).astype(bias.dtype)


_add_bias_by_hand.defvjp(_forward, _backward)
