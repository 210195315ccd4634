"""Augmentation against NumPy, and what each random number may depend on."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.augmentation.augment import (
    COLOUR_COMPONENTS,
    COLOUR_EIGENVALUES,
    augment,
    colour_shift,
    normalise,
    random_crop,
)
from jaxcnn.config.inputs import Affine, Inputs
from jaxcnn.errors import UsageError


def keys(count: int, seed: int = 0) -> jax.Array:
    return jax.random.split(jax.random.key(seed), count)


def pictures(count: int, size: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, size, size, channels), dtype=np.uint8)


def test_lenets_input_is_the_papers():
    """LeCun et al. 1998, §II-B: white −0.1, black 1.175, 28×28 in a frame of 32×32."""
    inputs = Inputs(size=32, channels=1, stored_size=28, pad=2, mean=20.0, scale=0.005)
    images = np.zeros((1, 28, 28, 1), np.uint8)
    images[0, 5, 6, 0] = 255
    ours = np.array(normalise(jnp.asarray(images), inputs, {}))
    assert ours.shape == (1, 32, 32, 1)
    assert ours[0, 7, 8, 0] == pytest.approx(1.175)
    ours[0, 7, 8, 0] = -0.1
    np.testing.assert_allclose(ours, -0.1, rtol=1e-6)


def test_mean_picture_is_subtracted_per_pixel_and_surrounded_by_zeros():
    inputs = Inputs(size=10, channels=3, stored_size=8, pad=1, mean="picture", scale=0.5)
    images, mean = pictures(2, 8), np.random.default_rng(0).uniform(0, 255, (8, 8, 3)).astype(np.float32)
    ours = normalise(jnp.asarray(images), inputs, {"mean": jnp.asarray(mean)})
    expected = np.pad((images - mean[None]) * 0.5, ((0, 0), (1, 1), (1, 1), (0, 0)))
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


def test_channel_means_and_scales():
    inputs = Inputs(size=8, channels=3, stored_size=8, mean=(1.0, 2.0, 3.0), scale=(1.0, 0.5, 0.25))
    images = pictures(1, 8)
    expected = (images - np.array([1, 2, 3])) * np.array([1, 0.5, 0.25])
    np.testing.assert_allclose(normalise(jnp.asarray(images), inputs, {}), expected, rtol=1e-6)
    with pytest.raises(UsageError, match="must be the same for all channels"):
        dataclasses.replace(inputs, distortion=Affine())


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_a_frame_is_black_in_every_channel(order):
    """As if the image had been framed before it was normalised."""
    inputs = Inputs(
        size=8, channels=3, stored_size=8, pad=4, mean=(1.0, 2.0, 3.0), scale=(1.0, 0.5, 0.25), channel_order=order
    )
    images = pictures(2, 8)
    framed = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    expected = ((framed - np.array([1, 2, 3])) * np.array([1, 0.5, 0.25]))[..., :: 1 if order == "RGB" else -1]
    np.testing.assert_allclose(normalise(jnp.asarray(images), inputs, {}), expected, rtol=1e-6)


def test_crops_are_windows_and_every_place_is_taken():
    images = jnp.arange(6 * 6, dtype=jnp.float32).reshape(1, 6, 6, 1).repeat(400, axis=0)
    crops = np.asarray(random_crop(images, keys(400), 4))
    chex.assert_shape(crops, (400, 4, 4, 1))
    corners = crops[:, 0, 0, 0].astype(int)
    assert set(corners) == {6 * y + x for y in range(3) for x in range(3)}
    for crop, corner in zip(crops, corners, strict=True):
        y, x = divmod(corner, 6)
        np.testing.assert_array_equal(crop, np.asarray(images[0])[y : y + 4, x : x + 4])


def test_half_of_the_pictures_are_mirrored():
    inputs = Inputs(size=8, channels=3, stored_size=8, mirror=True)
    images = jnp.asarray(pictures(1, 8), jnp.float32).repeat(500, axis=0)
    ours = np.asarray(augment(images, keys(500), inputs))
    mirrored = (ours == np.asarray(images)[:, :, ::-1]).all(axis=(1, 2, 3))
    untouched = (ours == np.asarray(images)).all(axis=(1, 2, 3))
    assert np.all(mirrored ^ untouched)
    assert 200 < mirrored.sum() < 300


def test_colour_noise_has_the_papers_covariance():
    """§4.1: Σ αᵢλᵢpᵢ with α ~ N(0, 0.1) has covariance 0.01·P·diag(λ²)·Pᵀ, here for pixels in 0–255."""
    shifts = np.asarray(colour_shift(keys(20_000), 0.1), np.float64)
    expected = 0.01 * 255**2 * COLOUR_COMPONENTS @ np.diag(COLOUR_EIGENVALUES**2) @ COLOUR_COMPONENTS.T
    np.testing.assert_allclose(shifts.T @ shifts / len(shifts), expected, rtol=0.05, atol=0.5)
    np.testing.assert_allclose(COLOUR_COMPONENTS.T @ COLOUR_COMPONENTS, np.eye(3), atol=2e-4)


def test_colour_noise_is_one_shift_for_a_whole_picture():
    inputs = Inputs(size=8, channels=3, stored_size=8, colour_std=0.1)
    images = jnp.asarray(pictures(4, 8), jnp.float32)
    difference = np.asarray(augment(images, keys(4), inputs)) - np.asarray(images)
    np.testing.assert_allclose(difference, difference[:, :1, :1].repeat(8, 1).repeat(8, 2), atol=1e-3)
    assert np.abs(difference).max() > 0.1


def test_a_pictures_augmentation_depends_on_its_key_alone():
    inputs = Inputs(
        size=8, channels=3, stored_size=12, mirror=True, colour_std=0.1, distortion=Affine(max_translation=2.0)
    )
    images = jnp.asarray(pictures(6, 12), jnp.float32)
    whole = augment(images, keys(6), inputs)
    chex.assert_trees_all_close(augment(images[2:4], keys(6)[2:4], inputs), whole[2:4], atol=1e-4)


def test_nothing_asked_for_is_the_identity():
    images = jnp.asarray(pictures(2, 8), jnp.float32)
    chex.assert_trees_all_equal(augment(images, keys(2), Inputs(size=8, channels=3, stored_size=8)), images)
