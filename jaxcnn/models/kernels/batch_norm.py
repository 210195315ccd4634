"""Batch normalisation with two sums over the batch in each direction.

It can go when XLA's CPU reductions over the leading axes are as fast as a matrix product, and JAX's own gradient of
batch normalisation with them.
"""

from functools import partial

import jax
import jax.numpy as jnp

from jaxcnn.models.kernels.reductions import channel_sums


def moments(inputs: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and (biased) variance of each channel over all other axes: two float32 [channels].

    Two passes, as Algorithm 1 has it: the difference of E[x²] and E[x]² loses digits where the mean is large.
    """
    count = inputs.size // inputs.shape[-1]
    mean = channel_sums(inputs) / count
    return mean, channel_sums(jnp.square(_centred(inputs, mean))) / count


def scale_and_shift(inputs, mean, var, scale, bias, epsilon: float) -> jax.Array:
    """scale · (inputs − mean) / √(var + ε) + bias: float32, shaped like the inputs. The rest: float32 [channels]."""
    factor = scale * jax.lax.rsqrt(var + epsilon)
    return _centred(inputs, mean) * _row(factor, inputs) + _row(bias, inputs)


def normalise(inputs, scale, bias, epsilon: float) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(`scale_and_shift` by the batch's own moments, mean, variance), as Algorithm 1 has it."""
    mean, var = moments(inputs)
    return scale_and_shift(inputs, mean, var, scale, bias, epsilon), mean, var


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def normalise_by_hand(inputs, scale, bias, epsilon: float) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The same as `normalise`. Its gradient is that of the paper's §3, with two sums for each channel."""
    return normalise(inputs, scale, bias, epsilon)


def _forward(inputs, scale, bias, epsilon):
    outputs, mean, var = normalise(inputs, scale, bias, epsilon)
    return (outputs, mean, var), (inputs, scale, mean, var)


def _backward(epsilon, residuals, gradients):
    inputs, scale, mean, var = residuals
    gradient, mean_gradient, var_gradient = gradients
    count = inputs.size // inputs.shape[-1]
    inverse = jax.lax.rsqrt(var + epsilon)
    factor = scale * inverse
    centred = _centred(inputs, mean)
    total = channel_sums(gradient)
    along = channel_sums(gradient * centred)
    # ∂/∂x is gradient · factor + centred · slope + shift: what comes back through mean and variance is per channel.
    slope = (2 * var_gradient - factor * jnp.square(inverse) * along) / count
    shift = (mean_gradient - factor * total) / count
    # The last addition is of two maps, so that XLA computes it once for all that read it (`kernels.relu`).
    back = gradient * _row(factor, inputs) + (centred * _row(slope, inputs) + _row(shift, inputs))
    return back.astype(inputs.dtype), inverse * along, total


normalise_by_hand.defvjp(_forward, _backward)


def _row(values: jax.Array, like: jax.Array) -> jax.Array:
    return values.reshape((1,) * (like.ndim - 1) + (-1,))


def _centred(inputs: jax.Array, mean: jax.Array) -> jax.Array:
    return inputs.astype(jnp.float32) - _row(mean, inputs)
