"""ReLU in a form that XLA computes once on CPU.

XLA fuses an operation with one operand into everything that reads it (a convolution, its padding, and the transposed
copy for its weight gradient), together with all that leads to it: a chain of residual blocks was computed again for
each layer, in the wrong memory order. An operation with two operands it computes once.

It can go when XLA's CPU fusion no longer repeats a ReLU's inputs in each of its readers.
"""

import contextlib
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.models.kernels.backend import use_kernel

_replacement = jax.make_user_context(default_value=None)


def replacing_relu(function: Callable[[jax.Array], jax.Array]) -> contextlib.AbstractContextManager:
    """In programs traced within it, `relu` is this function: one with another backward pass, to look into a network."""
    return _replacement(function)


def relu(values: jax.Array) -> jax.Array:
    """max(values, 0); the gradient at 0 is 0."""
    if _replacement.value is not None:
        return _replacement.value(values)
    return _relu_by_hand(values) if use_kernel("relu") else nn.relu(values)


@jax.custom_vjp
def _relu_by_hand(values: jax.Array) -> jax.Array:
    """What `jax.nn.relu` gives, for infinities and NaN too."""
    return jnp.maximum(values, jnp.minimum(-values, np.zeros((), values.dtype)))


def _forward(values):
    outputs = _relu_by_hand(values)
    return outputs, outputs


def _backward(outputs, gradient):
    return (jnp.where(outputs > 0, gradient, np.zeros((), gradient.dtype)),)


_relu_by_hand.defvjp(_forward, _backward)
