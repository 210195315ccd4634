"""Matrix products of many rows, whose results never have a multiple of 512 columns.

XLA's CPU product loses up to half of its speed to such results: their rows lie a power of two apart, and so in the same
few places of the processor's caches. 16 columns of zeros more cost 3 % and are cut off. On one core with AVX2, ms
of processor time: [784, 512] @ [512, 512]: 4.4 for 6.4; [1568, 512] @ [512, 1024]: 17.6 for 34.9;
[392, 1024] @ [1024, 2048]: 17.7 for 35.6.
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
    """The same; `transposed`: the weights are [outputs, inputs]. Its gradients are plain."""
    axis = 0 if transposed else 1
    return _product(rows, weights, (1, 1 - axis), axis)


def summed(rows: jax.Array, others: jax.Array) -> jax.Array:
    """rows.T @ others, for rows [n, inputs] and others [n, outputs]; result: [inputs, outputs]."""
    return _product(rows, others, (0, 0), 1)


def _product(left: jax.Array, right: jax.Array, over: tuple[int, int], axis: int) -> jax.Array:
    """axis: that of `right` which becomes the columns."""
    columns = right.shape[axis]
    if columns % SLOW == 0 and use_kernel("padded_matmul"):
        right = jnp.pad(right, [(0, MORE if each == axis else 0) for each in range(2)])
    return jax.lax.dot_general(left, right, (((over[0],), (over[1],)), ((), ())))[:, :columns]
