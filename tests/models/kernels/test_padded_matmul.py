"""Products of many rows: values, gradients and second derivatives are those of plain `@`."""

import chex
import jax
import jax.numpy as jnp
import pytest
from derivatives import PRODUCTS, assert_same_derivatives, normal

from jaxcnn.models.kernels import padded_matmul as form
from jaxcnn.models.kernels.padded_matmul import rows_times, summed, times


@pytest.mark.parametrize("outputs", [4, 6])  # a multiple of what is slow, and none
def test_products_and_derivatives(outputs, monkeypatch):
    monkeypatch.setattr(form, "SLOW", 4)
    rows, weights, toward = normal(5, 8, seed=0), normal(8, outputs, seed=1), normal(5, outputs, seed=2)
    chex.assert_trees_all_close(times(rows, weights), rows @ weights, rtol=1e-6, atol=1e-6)
    chex.assert_trees_all_close(times(rows, weights.T, transposed=True), rows @ weights, rtol=1e-6, atol=1e-6)
    chex.assert_trees_all_close(summed(rows, toward), rows.T @ toward, rtol=1e-6, atol=1e-6)
    assert_same_derivatives(rows_times, jnp.matmul, rows, weights, tolerances=PRODUCTS)


@pytest.mark.parametrize(("outputs", "columns"), [(512, 528), (1024, 1040), (384, 384)])
def test_no_product_has_a_multiple_of_512_columns(outputs, columns):
    traced = str(jax.make_jaxpr(times)(jnp.zeros((2, 3)), jnp.zeros((3, outputs))))
    assert f"f32[2,{columns}] = dot_general" in traced
