"""Matrix products of many rows whose results never have a multiple of 512 columns.

Rows of such a result lie a power of two apart in memory, and so in the same few places of the processor's caches:
XLA's CPU product is up to twice as slow. The columns are padded with 16 columns of zeros, which are cut off again.

It can go when XLA's CPU product isn't slower at 512 columns than at 528.
"""

import jax
import jax.numpy as jnp

from jaxcnn.models.kernels.backend import use_kernel

SLOW, MORE = 512, 16  # columns


@jax.custom_vjp
def rows_times(rows: jax.Array, weights: jax.Array) -> jax.Array:
    """rows [n, inputs] @ weights [inputs, outputs]."""
    return times(rows, weights)


def _forward(rows, weights):
    return times(rows, weights), (rows, weights)


def _backward(residuals, gradient):
    rows, weights = residuals
    return times(gradient, weights, transposed=True), summed(rows, gradient)


rows_times.defvjp(_forward, _backward)


def times(rows: jax.Array, weights: jax.Array, *, transposed: bool = False) -> jax.Array:
    """The same with JAX's own gradients. transposed: whether the weights are [outputs, inputs]."""
    axis = 0 if transposed else 1
    return _product(rows, weights, (1, 1 - axis), axis)


def summed(rows: jax.Array, others: jax.Array) -> jax.Array:
    """rows.T @ others, for rows [n, inputs] and others [n, outputs]; result: [inputs, outputs]."""
    return _product(rows, others, (0, 0), 1)


def _product(left: jax.Array, right: jax.Array, over: tuple[int, int], axis: int) -> jax.Array:
    """axis: the one of `right` that becomes the columns of the result."""
    columns = right.shape[axis]
    if columns % SLOW == 0 and use_kernel("padded_matmul"):
        right = jnp.pad(right, [(0, MORE if each == axis else 0) for each in range(2)])
    return jax.lax.dot_general(left, right, (((over[0],), (over[1],)), ((), ())))[:, :columns]
