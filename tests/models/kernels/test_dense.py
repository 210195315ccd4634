"""A fully connected layer's product: values, gradients and second derivatives are those of plain `@`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import PRODUCTS, assert_same_derivatives, normal

from jaxcnn.models.kernels import dense as form
from jaxcnn.models.kernels.dense import product, times_transposed


@pytest.mark.parametrize(("batch", "inputs", "outputs"), [(1, 3, 5), (2, 7, 1), (5, 64, 33)])
def test_rows_times_transposed_weights(batch, inputs, outputs):
    rows, weights = normal(batch, outputs, seed=0), normal(inputs, outputs, seed=1)
    expected = np.asarray(rows, np.float64) @ np.asarray(weights, np.float64).T
    np.testing.assert_allclose(times_transposed(rows, weights), expected, rtol=1e-5, atol=1e-5)


def test_derivatives(monkeypatch):
    monkeypatch.setattr(form, "FEW_WEIGHTS", 0)
    inputs, weights = normal(4, 6, seed=0), normal(6, 9, seed=1)
    assert "custom_vjp" in str(jax.make_jaxpr(product)(inputs, weights))
    assert_same_derivatives(product, jnp.matmul, inputs, weights, tolerances=PRODUCTS)


@pytest.mark.parametrize(("outputs", "by_hand"), [(4096, True), (10, False)])
def test_many_weights_alone_take_this_form(outputs, by_hand):
    inputs, weights = jnp.zeros((2, 512)), jnp.zeros((512, outputs))
    assert ("custom_vjp" in str(jax.make_jaxpr(product)(inputs, weights))) == by_hand


def test_half_precision_keeps_to_the_plain_product():
    inputs, weights = jnp.zeros((2, 512), jnp.bfloat16), jnp.zeros((512, 4096), jnp.bfloat16)
    assert "custom_vjp" not in str(jax.make_jaxpr(product)(inputs, weights))
    assert product(inputs, weights).dtype == jnp.bfloat16
