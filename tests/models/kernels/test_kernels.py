"""The forms that CPUs get: values, gradients and second derivatives are those of what they stand for."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import OTHERS, assert_same_derivatives, normal

from jaxcnn.models.kernels import reductions
from jaxcnn.models.kernels.backend import reference_kernels
from jaxcnn.models.kernels.batch_norm import normalise, normalise_by_hand
from jaxcnn.models.kernels.convolution import pointwise
from jaxcnn.models.kernels.max_pool import largest, max_pool_with_argmax
from jaxcnn.models.kernels.reference import plain
from jaxcnn.models.kernels.response_norm import respond, respond_by_hand
from jaxcnn.models.layers.pooling import AveragePool, sum_squares, sum_windows

IMAGES = normal(2, 7, 6, 4, seed=0)
OVERLAPPING = (3, 2, ((1, 1), (0, 1)))  # size, strides, padding
WINDOWS = ((2, 2, ((0, 1), (0, 0))), OVERLAPPING, (3, 1, ((1, 1), (1, 1))))

# Name → the form, the plain one, and what both take.
FORMS = {
    **{
        f"maximum {number}": (
            lambda images, window=window: max_pool_with_argmax(images, *window),
            lambda images, window=window: largest(images, *window),
            (IMAGES,),
        )
        for number, window in enumerate(WINDOWS)
    },
    "normalisation": (
        lambda *arrays: sum(part.sum(0) for part in normalise_by_hand(*arrays, 1e-5)),
        lambda *arrays: sum(part.sum(0) for part in normalise(*arrays, 1e-5)),
        (IMAGES, normal(4, seed=1), normal(4, seed=2)),
    ),
    "response": (
        lambda images: respond_by_hand(images, 3, 2.0, 0.1, 0.75),
        lambda images: respond(images, 3, 2.0, 0.1, 0.75),
        (IMAGES,),
    ),
    "response, another power": (
        lambda images: respond_by_hand(images, 4, 1.0, 0.1, 0.6),
        lambda images: respond(images, 4, 1.0, 0.1, 0.6),
        (IMAGES,),
    ),
    "bias": (reductions._add_bias_by_hand, reductions._add_bias, (IMAGES, normal(4, seed=1))),
    "sums of channels": (reductions.channel_sums, lambda values: values.sum((0, 1, 2)), (IMAGES,)),
    "1×1 convolution": (
        pointwise,
        lambda images, weights: plain(images, weights[None, None], (1, 1), ((0, 0), (0, 0))),
        (IMAGES, normal(4, 5, seed=1)),
    ),
    "average": (
        lambda images: sum_squares(images[:, :6], 2),
        lambda images: sum_windows(images[:, :6], 2, 2),
        (IMAGES,),
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_values_and_derivatives(name):
    form, expected, arrays = FORMS[name]
    assert_same_derivatives(form, expected, *arrays, tolerances=OTHERS)


def test_sums_of_few_channels_take_neighbours_together():
    images = normal(2, 3, 8, 6, seed=0)
    assert "[2,3,2,24]" in str(jax.make_jaxpr(reductions.channel_sums)(images))
    assert_same_derivatives(reductions.channel_sums, lambda values: values.sum((0, 1, 2)), images, tolerances=OTHERS)


@pytest.mark.parametrize("window", WINDOWS)
def test_the_first_of_equal_maxima_takes_the_gradient(window):
    """Against a loop over windows; of the values 0, 1 and 2 most windows hold their largest several times."""
    size, strides, padding = window
    images = np.random.default_rng(3).integers(0, 3, IMAGES.shape).astype(np.float32)
    toward = np.asarray(normal(*largest(jnp.asarray(images), *window).shape, seed=4))
    padded = np.pad(images, ((0, 0), *padding, (0, 0)), constant_values=-np.inf)
    expected = np.zeros(padded.shape, np.float32)
    for n, i, j, c in np.ndindex(*toward.shape):
        seen = padded[n, i * strides : i * strides + size, j * strides : j * strides + size, c]
        row, column = np.unravel_index(np.argmax(seen), seen.shape)
        expected[n, i * strides + row, j * strides + column, c] += toward[n, i, j, c]
    (top, _), (left, _) = padding
    expected = expected[:, top : top + images.shape[1], left : left + images.shape[2]]
    pool = partial(max_pool_with_argmax, size=size, strides=strides, padding=padding)
    _, pull_back = jax.vjp(lambda images: pool(images), jnp.asarray(images))
    np.testing.assert_allclose(pull_back(jnp.asarray(toward))[0], expected, rtol=1e-6, atol=1e-6)


def test_averages_elsewhere_are_plain():
    def traced():
        return str(jax.make_jaxpr(lambda images: AveragePool(2, 2).apply({}, images))(IMAGES[:, :6]))

    assert "reduce_window" not in traced()
    with reference_kernels():
        assert "reduce_window" in traced()
