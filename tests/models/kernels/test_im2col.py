"""Pictures' convolution as one matrix product gives what plain `jax.lax` gives, and takes what it was measured for."""

import chex
import jax
import pytest
from derivatives import assert_same_derivatives, normal
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.models.kernels.backend import compiled_for
from jaxcnn.models.kernels.convolution import convolve
from jaxcnn.models.kernels.im2col import from_pixels, outputs_at_once
from jaxcnn.models.kernels.reference import plain

SIDES = st.integers(0, 3)
EVEN = ((2, 2), (2, 2))


@settings(max_examples=8, deadline=None)
@given(
    st.tuples(st.integers(4, 9), st.integers(4, 9)),
    st.tuples(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES)),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_values_of_every_size_padding_and_block(size, padding, count, inputs):
    images, kernel = normal(2, *size, inputs, seed=0), normal(3, 4, inputs, 5, seed=1)
    ours = jax.jit(from_pixels, static_argnums=(2, 3))(images, kernel, padding, count)
    chex.assert_trees_all_close(ours, plain(images, kernel, (1, 1), padding), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("count", "inputs", "devices"), [(4, 1, 1), (2, 3, 1), (2, 3, 8), (1, 3, 1)])
def test_derivatives(count, inputs, devices):
    """Also where several devices share a batch, and the weights' gradient is plain."""
    images, kernel = normal(2, 8, 11, inputs, seed=0), normal(5, 5, inputs, 4, seed=1)
    with compiled_for("cpu", devices):
        assert_same_derivatives(
            lambda *arrays: from_pixels(*arrays, EVEN, count),
            lambda *arrays: plain(*arrays, (1, 1), EVEN),
            images,
            kernel,
        )


def test_what_one_row_of_the_matrix_is_for():
    counts = {shape: outputs_at_once(normal(*shape, seed=0)) for shape in [(5, 5, 1, 6), (5, 5, 1, 96), (5, 5, 3, 192)]}
    assert counts == {(5, 5, 1, 6): 4, (5, 5, 1, 96): 2, (5, 5, 3, 192): 1}


@pytest.mark.parametrize(
    ("kernel", "stride", "taken"),
    [
        *[((5, 5, 1, 6), 1, True), ((3, 3, 3, 64), 1, True)],
        *[((7, 7, 3, 64), 2, False), ((1, 1, 3, 6), 1, False), ((3, 3, 4, 16), 1, False)],
    ],
)
def test_what_takes_this_form(kernel, stride, taken):
    images, weights = normal(1, 9, 9, kernel[2], seed=0), normal(*kernel, seed=1)
    traced = jax.make_jaxpr(lambda *arrays: convolve(*arrays, stride, 2))(images, weights)
    assert ("name=from_pixels" in str(traced)) == taken


def test_a_stride_keeps_to_plain_lax():
    images, kernel = normal(2, 9, 9, 1, seed=0), normal(5, 5, 1, 6, seed=1)
    chex.assert_trees_all_close(convolve(images, kernel, 2, 2), plain(images, kernel, (2, 2), EVEN), rtol=0, atol=0)
