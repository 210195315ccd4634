"""Crops against NumPy, and against the count of the paper."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.evaluation.crops import center, ten_crop


def numbered(height: int, width: int) -> np.ndarray:
    """Two images of two channels in which every number stands once."""
    return np.arange(2 * height * width * 2, dtype=np.float32).reshape(2, height, width, 2)


def crop(images: np.ndarray, top: int, left: int, size: int, mirrored: bool) -> np.ndarray:
    """Pixel by pixel."""
    out = np.empty((len(images), size, size, images.shape[-1]), images.dtype)
    for y in range(size):
        for x in range(size):
            out[:, y, x] = images[:, top + y, left + (size - 1 - x if mirrored else x)]
    return out


@settings(deadline=None, max_examples=25)
@given(st.integers(3, 9), st.integers(3, 9), st.integers(1, 3))
def test_ten_crops_are_the_corners_the_centre_and_their_mirror_images(height, width, size):
    images = numbered(height, width)
    bottom, right = height - size, width - size
    places = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    expected = [crop(images, *place, size, mirrored) for mirrored in (False, True) for place in places]
    found = ten_crop(jnp.asarray(images), size)
    assert len(found) == 10
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("stored", "size", "margin"), [(256, 227, 14), (256, 224, 16), (32, 32, 0)])
def test_the_centre(stored, size, margin):
    images = numbered(stored, stored)
    (found,) = center(jnp.asarray(images), size)
    np.testing.assert_array_equal(found, images[:, margin : margin + size, margin : margin + size])
