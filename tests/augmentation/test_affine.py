"""Affine distortions against SciPy, and against what each of the five parameters means."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from jaxcnn.augmentation.affine import affine_distort, affine_matrices, resample

LIMITS = {"max_translation": 2.0, "max_scaling": 0.15, "max_squeeze": 0.1, "max_shear": 0.2}
NOTHING = dict.fromkeys(LIMITS, 0.0)
distort = jax.jit(affine_distort, static_argnames=("fill", *LIMITS))


compiled_resample = jax.jit(resample, static_argnums=3)


def pictures(count: int = 4, height: int = 12, width: int = 10, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.1, 1.2, (count, height, width, channels)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(
    matrix=st.lists(st.floats(-1.5, 1.5, width=32), min_size=4, max_size=4),
    shift=st.lists(st.floats(-15, 15, width=32), min_size=2, max_size=2),
)
def test_resampling_equals_scipy(matrix, shift):
    images, fill = pictures(1), -0.1
    matrix, shift = np.array(matrix, np.float32).reshape(2, 2), np.array(shift, np.float32)
    result = compiled_resample(images, matrix[None], shift[None], fill)
    centre = (np.array(images.shape[1:3]) - 1) / 2
    for channel in range(images.shape[-1]):
        expected = ndimage.affine_transform(
            images[0, :, :, channel].astype(np.float64),
            matrix,
            offset=centre - matrix @ centre + shift,
            order=1,
            mode="grid-constant",  # `fill` beyond the picture, and interpolation towards it
            cval=fill,
        )
        np.testing.assert_allclose(result[0, :, :, channel], expected, atol=1e-4)


def test_no_limits_no_change():
    images = jnp.asarray(pictures())
    keys = jax.random.split(jax.random.key(0), 4)
    chex.assert_trees_all_close(distort(images, keys, **NOTHING, fill=-0.1), images, atol=1e-5)


def test_a_picture_of_background_stays_one():
    images = jnp.full((4, 8, 8, 1), -0.1)
    keys = jax.random.split(jax.random.key(0), 4)
    chex.assert_trees_all_close(distort(images, keys, **LIMITS, fill=-0.1), images, atol=1e-6)


def test_a_pictures_distortion_depends_on_its_key_alone():
    images = jnp.asarray(pictures())
    keys = jax.random.split(jax.random.key(0), 4)
    together = distort(images, keys, **LIMITS, fill=0.0)
    alone = distort(images[2:3], keys[2:3], **LIMITS, fill=0.0)
    chex.assert_trees_all_close(together[2:3], alone, atol=1e-6)
    other = distort(images[2:3], keys[3:4], **LIMITS, fill=0.0)
    assert np.abs(other - alone).max() > 0.01


@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_does_its_own_thing_and_is_reached(name):
    keys = jax.random.split(jax.random.key(0), 2000)
    matrices, shifts = affine_matrices(keys, **{**NOTHING, name: 0.3})
    height, width = matrices[:, 0, 0], matrices[:, 1, 1]
    measured = {
        "max_translation": shifts,
        "max_scaling": jnp.log(height * width) / 2,
        "max_squeeze": jnp.log(height / width) / 2,
        "max_shear": matrices[:, 1, 0] / width,
    }
    chex.assert_trees_all_close(matrices[:, 0, 1], jnp.zeros(2000))  # shearing is horizontal only
    for other, values in measured.items():
        largest, smallest = float(values.max()), float(values.min())
        if other == name:
            assert 0.29 < largest <= 0.3001 and -0.3001 <= smallest < -0.29
        else:
            assert abs(largest) < 1e-5 and abs(smallest) < 1e-5


def test_scaling_and_squeezing_keep_their_sense():
    """A matrix above 1 reaches further out, so the digit gets smaller."""
    image = np.full((1, 21, 21, 1), -0.1, np.float32)
    image[0, 5:16, 5:16] = 1.0
    matrix = jnp.array([[2.0, 0.0], [0.0, 1.0]])[None]
    result = np.asarray(compiled_resample(image, matrix, jnp.zeros((1, 2)), -0.1))[0, :, :, 0]
    rows, columns = np.flatnonzero(result[:, 10] > 0.5), np.flatnonzero(result[10] > 0.5)
    assert (len(rows), len(columns)) == (5, 11)
