"""Several neighbouring outputs at once give what plain `jax.lax` gives: values, gradients, second derivatives."""

import jax
import pytest
from derivatives import assert_same_derivatives, normal

from jaxcnn.models.kernels.convolution import convolve
from jaxcnn.models.kernels.reference import plain
from jaxcnn.models.kernels.row_blocked import in_rows, neighbours_at_once


# 4, 11, 2 and 10 columns: some that `count` divides, some that it does not, fewer than one block.
@pytest.mark.parametrize(
    ("count", "width", "padding"),
    [
        *[(2, 8, ((0, 0), (0, 0))), (4, 11, ((2, 2), (2, 2))), (4, 6, ((0, 0), (0, 0)))],
        (4, 11, ((1, 0), (0, 3))),
    ],
)
def test_values_and_derivatives(count, width, padding):
    images, kernel = normal(2, 8, width, 6, seed=0), normal(5, 5, 6, 4, seed=1)
    assert_same_derivatives(
        lambda *arrays: in_rows(*arrays, padding, count),
        lambda *arrays: plain(*arrays, (1, 1), padding),
        images,
        kernel,
    )


@pytest.mark.parametrize(
    ("kernel", "count"),
    [*[((5, 5, 6, 16), 2), ((3, 3, 4, 16), 2)], *[((1, 1, 6, 6), 1), ((3, 3, 16, 16), 1), ((3, 3, 6, 64), 1)]],
)
def test_few_maps_alone_take_this_form(kernel, count):
    weights = normal(*kernel, seed=0)
    assert neighbours_at_once(weights) == count
    stepped = jax.make_jaxpr(lambda images: convolve(images, weights, 1, kernel[0] // 2))(
        normal(1, 8, 8, kernel[2], seed=1)
    )
    assert ("name=in_rows" in str(stepped)) == (count > 1)
