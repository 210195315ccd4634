"""Convolution over the smallest maps, by patches: it is the plain one, and only small maps take it."""

import jax
import jax.numpy as jnp
import pytest
from derivatives import assert_same_derivatives, normal

from jaxcnn.models.kernels.convolution import convolve
from jaxcnn.models.kernels.patches import from_patches, suits
from jaxcnn.models.kernels.reference import plain

# Image's height and width, kernel's, stride, padding.
SHAPES = [
    ((2, 2), (3, 3), 1, ((1, 1), (1, 1))),
    ((1, 1), (3, 3), 1, ((1, 1), (1, 1))),
    ((1, 4), (3, 3), 1, ((1, 1), (1, 1))),
    ((4, 4), (3, 3), 2, ((1, 1), (1, 1))),
    ((4, 3), (3, 3), 2, ((0, 1), (1, 1))),
    ((5, 5), (5, 5), 1, ((0, 0), (0, 0))),
    ((7, 6), (3, 5), 3, ((0, 1), (2, 0))),
]


@pytest.mark.parametrize(("image", "window", "stride", "padding"), SHAPES)
def test_it_is_the_plain_convolution(image, window, stride, padding):
    images, kernel = normal(3, *image, 4, seed=0), normal(*window, 4, 5, seed=1) / 4
    assert suits(images, kernel, stride, padding)
    assert_same_derivatives(
        lambda *arrays: from_patches(*arrays, stride, padding),
        lambda *arrays: plain(*arrays, (stride, stride), padding),
        images,
        kernel,
    )


@pytest.mark.parametrize(
    ("size", "window", "stride", "taken"),
    [(2, 3, 1, True), (3, 3, 1, False), (4, 3, 2, True), (5, 3, 2, False), (2, 1, 1, False)],
)
def test_outputs_of_at_most_four_places_take_it(size, window, stride, taken):
    images, kernel = jnp.zeros((2, size, size, 8)), jnp.zeros((window, window, 8, 8))
    traced = str(jax.make_jaxpr(lambda *arrays: convolve(*arrays, stride, window // 2))(images, kernel))
    assert ("concatenate" in traced) == taken
    assert suits(images, kernel, stride, ((window // 2, window // 2),) * 2) == taken
