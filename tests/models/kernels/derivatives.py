"""What the forms' tests share: two ways to write one function agree in values, gradients and second derivatives."""

from collections.abc import Callable, Sequence

import chex
import jax
import jax.numpy as jnp
import numpy as np

# (relative, absolute) of values, gradients and second derivatives.
CONVOLUTIONS = ((1e-5, 1e-5), (1e-5, 1e-5), (1e-4, 1e-4))
PRODUCTS = ((1e-6, 0.0), (1e-5, 1e-5), (1e-5, 1e-5))
OTHERS = ((1e-5, 1e-5), (1e-5, 1e-5), (1e-4, 1e-5))


def normal(*shape: int, seed: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def assert_same_derivatives(
    form: Callable,
    expected: Callable,
    *arrays: jax.Array,
    tolerances: Sequence[tuple[float, float]] = CONVOLUTIONS,
) -> None:
    """Of a score of each one's result with respect to all arrays; second derivatives by reverse mode over reverse."""
    every = tuple(range(len(arrays)))
    toward = normal(*jax.eval_shape(expected, *arrays).shape, seed=9)

    def gradients(function):
        return jax.grad(lambda *arrays: (jnp.tanh(function(*arrays) / 4) * toward).sum(), argnums=every)

    def along(function):
        return jax.grad(lambda *arrays: sum((part**2).sum() for part in gradients(function)(*arrays)), argnums=every)

    for derive, (relative, absolute) in zip((lambda function: function, gradients, along), tolerances, strict=True):
        ours, theirs = (jax.jit(derive(function))(*arrays) for function in (form, expected))
        chex.assert_trees_all_close(ours, theirs, rtol=relative, atol=absolute)
