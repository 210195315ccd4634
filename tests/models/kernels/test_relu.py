"""ReLU: the values and derivatives of `jax.nn.relu`, and computed once in a compiled program."""

import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jaxcnn.models.kernels.backend import reference_kernels
from jaxcnn.models.kernels.reference import plain
from jaxcnn.models.kernels.relu import relu
from jaxcnn.models.layers.batch_norm import BatchNorm
from jaxcnn.parallel.compilation import compile_step


@given(arrays(np.float32, 7, elements=st.floats(width=32, allow_subnormal=False)))
def test_values(values):
    np.testing.assert_array_equal(relu(jnp.asarray(values)), jax.nn.relu(jnp.asarray(values)))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_derivatives(dtype):
    values = jnp.asarray([-2.0, -0.0, 0.0, 3.0, np.inf, -np.inf], dtype)
    toward = jnp.arange(1, 7, dtype=dtype)

    def gradient(function):
        return jax.grad(lambda values: (function(values) * toward).sum())

    def along(function):
        return jax.grad(lambda values: (gradient(function)(values**2) * toward).sum())

    for derive in (gradient, along):
        ours, theirs = (derive(function)(values) for function in (relu, jax.nn.relu))
        chex.assert_trees_all_equal_shapes_and_dtypes(ours, theirs)
        np.testing.assert_array_equal(ours, theirs)


def test_elsewhere_it_is_the_plain_one():
    with reference_kernels():
        assert "custom_vjp" not in str(jax.make_jaxpr(lambda values: relu(values))(jnp.zeros(3)))
    assert "custom_vjp" in str(jax.make_jaxpr(lambda values: relu(values))(jnp.zeros(3)))


def test_what_leads_to_a_convolution_is_computed_once():
    """The copies for the weights' gradients only copy: they did batch norm, ReLU and addition again."""
    norm = BatchNorm()
    images, kernels = jnp.ones((4, 8, 8, 16)), jnp.ones((3, 3, 3, 16, 16))

    def loss(kernels, images):
        x = images
        for kernel in kernels:
            y = plain(x, kernel, (1, 1), ((1, 1), (1, 1)))
            y, _ = norm.init_with_output(jax.random.key(0), y, train=True)
            x = relu(x + y)
        return (x * x).sum()

    text = compile_step(jax.jit(jax.grad(loss)).lower(kernels, images), "cpu").as_text()
    bodies = re.findall(r"^%\S+ \(.*?^}", text, re.MULTILINE | re.DOTALL)
    copies = [body for body in bodies if re.search(r"ROOT \S+ = f32\[16,8,8,4\]\S* copy\(", body)]
    assert len(copies) == 3
    for body in copies:
        assert not re.search(r"\b(add|multiply|maximum)\(", body), body
