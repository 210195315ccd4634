"""Transposing a weight gradient's operands first changes no value and no derivative."""

import jax
import pytest
from derivatives import assert_same_derivatives, normal

from jaxcnn.models.forms.convolution import convolve
from jaxcnn.models.forms.plain import plain
from jaxcnn.models.forms.platform import plain_forms
from jaxcnn.models.forms.weights import with_copied_operands


@pytest.mark.parametrize(("size", "padding"), [((3, 2), ((1, 1), (0, 2))), ((1, 3), ((0, 0), (1, 1)))])
def test_derivatives(size, padding):
    images, kernel = normal(2, 6, 7, 4, seed=0), normal(*size, 4, 3, seed=1)
    assert_same_derivatives(
        lambda *arrays: with_copied_operands(*arrays, padding),
        lambda *arrays: plain(*arrays, (1, 1), padding),
        images,
        kernel,
    )


@pytest.mark.parametrize(("stride", "taken"), [(1, True), (2, False)])
def test_what_takes_this_form(stride, taken):
    images, kernel = normal(1, 6, 6, 16, seed=0), normal(3, 3, 16, 16, seed=1)

    def traced():
        return "name=with_copied_operands" in str(jax.make_jaxpr(lambda: convolve(images, kernel, stride, 1))())

    assert traced() == taken
    with plain_forms():
        assert not traced()
