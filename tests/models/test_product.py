"""A fully connected layer's product: values, gradients and second derivatives are those of plain `@`."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.models.forms import product as form
from jaxcnn.models.forms.product import product, times_transposed


def normal(*shape: int, seed: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.mark.parametrize(("batch", "inputs", "outputs"), [(1, 3, 5), (2, 7, 1), (5, 64, 33)])
def test_rows_times_transposed_weights(batch, inputs, outputs):
    rows, weights = normal(batch, outputs, seed=0), normal(inputs, outputs, seed=1)
    expected = np.asarray(rows, np.float64) @ np.asarray(weights, np.float64).T
    np.testing.assert_allclose(times_transposed(rows, weights), expected, rtol=1e-5, atol=1e-5)


def test_derivatives(monkeypatch):
    monkeypatch.setattr(form, "FEW_WEIGHTS", 0)
    inputs, weights, toward = normal(4, 6, seed=0), normal(6, 9, seed=1), normal(4, 9, seed=2)

    def gradients(multiply):
        return jax.grad(lambda *arrays: (jnp.tanh(multiply(*arrays)) * toward).sum(), argnums=(0, 1))

    def along(multiply):
        return jax.grad(lambda *arrays: sum((part**2).sum() for part in gradients(multiply)(*arrays)), argnums=(0, 1))

    assert "custom_vjp" in str(jax.make_jaxpr(product)(inputs, weights))
    chex.assert_trees_all_close(product(inputs, weights), inputs @ weights)
    for derive in (gradients, along):
        ours, plain = (jax.jit(derive(multiply))(inputs, weights) for multiply in (product, jnp.matmul))
        chex.assert_trees_all_close(ours, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("outputs", "by_hand"), [(4096, True), (10, False)])
def test_many_weights_alone_take_this_form(outputs, by_hand):
    inputs, weights = jnp.zeros((2, 512)), jnp.zeros((512, outputs))
    assert ("custom_vjp" in str(jax.make_jaxpr(product)(inputs, weights))) == by_hand


def test_half_precision_keeps_to_the_plain_product():
    inputs, weights = jnp.zeros((2, 512), jnp.bfloat16), jnp.zeros((512, 4096), jnp.bfloat16)
    assert "custom_vjp" not in str(jax.make_jaxpr(product)(inputs, weights))
    assert product(inputs, weights).dtype == jnp.bfloat16
