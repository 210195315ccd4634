"""Local contrast normalisation and whitening on the device against loops in NumPy."""

import chex
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.augmentation.augment import mean_over, normalise
from jaxcnn.augmentation.local_contrast import gaussian_window, local_contrast
from jaxcnn.augmentation.whitening import zca_whitening
from jaxcnn.config.inputs import Inputs, Whitening
from jaxcnn.data.loading.in_memory import load_resident
from jaxcnn.data.sources import open_source


def weighted_means(plane: np.ndarray, size: int) -> np.ndarray:
    window, before = gaussian_window(size).astype(np.float64), (size - 1) // 2
    result = np.zeros_like(plane)
    for y in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            for dy in range(size):
                for dx in range(size):
                    row = np.clip(y + dy - before, 0, plane.shape[0] - 1)
                    column = np.clip(x + dx - before, 0, plane.shape[1] - 1)
                    result[y, x] += window[dy, dx] * plane[row, column]
    return result


@pytest.mark.parametrize("size", [3, 5])
def test_local_contrast_is_the_loop(size):
    images = np.random.default_rng(0).uniform(0, 255, (2, 7, 9, 2))
    ours = np.asarray(local_contrast(jnp.asarray(images, jnp.float32), size))
    for picture, result in zip(images, ours, strict=True):
        for channel in range(2):
            centred = picture[..., channel] - weighted_means(picture[..., channel], size)
            deviation = np.sqrt(weighted_means(centred**2, size))
            expected = centred / (np.maximum(deviation, deviation.mean()) + 1e-4)
            np.testing.assert_allclose(result[..., channel], expected, atol=1e-4)


def test_the_window_is_a_bell():
    window = gaussian_window(7)
    assert window.sum() == pytest.approx(1) and window.argmax() == 24
    np.testing.assert_allclose(window, window.T)
    assert window[3, 3] / window[3, 0] == pytest.approx(np.exp(9 / (2 * 1.75**2)), rel=1e-5)


def test_the_device_whitens_as_the_host_computed(tmp_path):
    source = open_source("digits", "train")
    statistics = zca_whitening(source, size=8, channels=1, norm=55.0, filter_bias=0.1, cache_dir=tmp_path)
    inputs = Inputs(size=8, channels=1, stored_size=8, pad=2, whitening=Whitening())
    images = load_resident(source, size=8, channels=1)["image"][:6]
    ours = np.asarray(normalise(jnp.asarray(images), inputs, {k: jnp.asarray(v) for k, v in statistics.items()}))
    chex.assert_shape(ours, (6, 12, 12, 1))
    rows = images.reshape(6, 64).astype(np.float64)
    rows -= rows.mean(axis=1, keepdims=True)
    rows *= 55 / np.linalg.norm(rows, axis=1, keepdims=True)
    expected = ((rows - statistics["mean"]) @ statistics["zca"]).reshape(6, 8, 8, 1)
    np.testing.assert_allclose(ours[:, 2:10, 2:10], expected, atol=1e-3)
    assert not ours[:, :2].any() and not ours[:, :, 10:].any()  # beyond the picture it is the mean, 0


def test_a_mean_picture_fits_pictures_of_other_sizes():
    mean = jnp.asarray(np.random.default_rng(0).uniform(0, 255, (8, 8, 3)), jnp.float32)
    np.testing.assert_array_equal(mean_over(jnp.zeros((2, 8, 8, 3)), mean), mean[None])
    np.testing.assert_array_equal(mean_over(jnp.zeros((2, 4, 6, 3)), mean), mean[None, 2:6, 1:7])
    colour = mean_over(jnp.zeros((2, 8, 12, 3)), mean)
    np.testing.assert_allclose(colour, np.asarray(mean).mean(axis=(0, 1)).reshape(1, 1, 1, 3), rtol=1e-5)


def test_pad_and_mean_picture_of_cifar():
    """ResNet §4.2: the mean of each pixel is taken off, then four pixels of nothing on each side."""
    inputs = Inputs(size=32, channels=3, stored_size=32, pad=4, mean="picture", mirror=True)
    generator = np.random.default_rng(1)
    images, mean = generator.integers(0, 256, (2, 32, 32, 3), np.uint8), generator.uniform(0, 255, (32, 32, 3))
    ours = normalise(jnp.asarray(images), inputs, {"mean": jnp.asarray(mean, jnp.float32)})
    expected = np.pad(images - mean[None], ((0, 0), (4, 4), (4, 4), (0, 0)))
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)
