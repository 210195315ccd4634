"""3×3 convolution by F(2×2, 3×3) gives what plain `jax.lax` gives: values, gradients, second derivatives."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_same_derivatives, normal
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.models.kernels import winograd
from jaxcnn.models.kernels.backend import compiled_for
from jaxcnn.models.kernels.convolution import convolve
from jaxcnn.models.kernels.reference import plain
from jaxcnn.models.kernels.winograd import OF_IMAGE, OF_KERNEL, OF_OUTPUT, winograd_conv


def test_the_matrices_are_a_correlation():
    """In one dimension, in exact numbers: two outputs of three weights."""
    picture, kernel = np.array([3.0, -1.0, 4.0, 1.0]), np.array([2.0, 7.0, -6.0])
    found = np.array(OF_OUTPUT) @ ((np.array(OF_KERNEL) @ kernel) * (np.array(OF_IMAGE) @ picture))
    np.testing.assert_array_equal(found, np.correlate(picture, kernel, "valid"))


SIDES = st.integers(0, 2)


@settings(max_examples=5, deadline=None)
@given(st.integers(3, 8), st.integers(3, 8), st.tuples(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES)))
def test_values_of_every_size_and_padding(height, width, padding):
    images, kernel = normal(2, height, width, 3, seed=0), normal(3, 3, 3, 4, seed=1)
    expected = plain(images, kernel, (1, 1), padding)
    ours = jax.jit(winograd_conv, static_argnums=2)(images, kernel, padding)
    chex.assert_trees_all_close(ours, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("size", "padding", "devices"), [((7, 4), ((1, 1), (1, 1)), 8), ((6, 5), ((0, 2), (1, 0)), 1)])
def test_derivatives(size, padding, devices, monkeypatch):
    monkeypatch.setattr(winograd, "FEW_MAPS_OF_KERNEL", 0)
    images, kernel = normal(2, *size, 3, seed=0), normal(3, 3, 3, 4, seed=1)
    with compiled_for("cpu", devices):
        assert_same_derivatives(
            lambda *arrays: winograd_conv(*arrays, padding),
            lambda *arrays: plain(*arrays, (1, 1), padding),
            images,
            kernel,
        )


def test_it_is_as_exact_as_the_plain_form(optimised):
    images, kernel = normal(1, 14, 14, 64, seed=0), normal(3, 3, 64, 64, seed=1)
    padding = ((1, 1), (1, 1))
    padded = np.pad(np.asarray(images, np.float64), ((0, 0), *padding, (0, 0)))
    exact = sum(
        padded[:, i : i + 14, j : j + 14] @ np.asarray(kernel[i, j], np.float64) for i in range(3) for j in range(3)
    )
    errors = [
        np.abs(np.asarray(form) - exact).max() / np.abs(exact).max()
        for form in (
            jax.jit(winograd_conv, static_argnums=2)(images, kernel, padding),
            plain(images, kernel, (1, 1), padding),
        )
    ]
    assert errors[0] < 2 * errors[1] and errors[0] < 1e-6


@pytest.mark.parametrize(
    ("kernel", "stride", "dtype", "taken"),
    [
        ((3, 3, 32, 48), 1, jnp.float32, True),
        ((3, 3, 16, 64), 1, jnp.float32, False),
        ((3, 3, 64, 16), 1, jnp.float32, False),
        ((5, 5, 64, 64), 1, jnp.float32, False),
        ((3, 3, 64, 64), 2, jnp.float32, False),
        ((3, 3, 64, 64), 1, jnp.bfloat16, False),
    ],
)
def test_what_takes_this_form(kernel, stride, dtype, taken):
    images, weights = jnp.zeros((8, 8, 8, kernel[2]), dtype), jnp.zeros(kernel, dtype)
    traced = jax.make_jaxpr(lambda *arrays: convolve(*arrays, stride, 1))(images, weights)
    assert ("custom_vjp" in str(traced)) == taken


@pytest.mark.parametrize(
    ("shape", "taken"),
    [((6, 8, 8), False), ((7, 8, 8), True), ((64, 7, 7), False), ((64, 5, 5), False), ((64, 9, 9), True)],
)
def test_few_tiles_and_tiles_beyond_the_map_are_left_to_the_plain_form(shape, taken):
    images, kernel = jnp.zeros((*shape, 64)), jnp.zeros((3, 3, 64, 64))
    assert winograd.suits(images, kernel, ((1, 1), (1, 1))) == taken
