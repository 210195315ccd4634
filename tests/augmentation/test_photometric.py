"""Brightness, contrast and colour against Pillow, which Howard (2013) used."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance
from skimage import data

from jaxcnn.augmentation.augment import photometric
from jaxcnn.augmentation.photometric import blend, photometric_distort
from jaxcnn.config.inputs import Inputs, Photometric

CAT = data.chelsea()[:128, 100:228]
ENHANCE = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)


def keys(count: int) -> jax.Array:
    return jax.random.split(jax.random.key(0), count)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("factors", [(1.0, 1.0, 1.0), (0.5, 1.5, 0.7), (1.4, 0.6, 1.5)])
def test_blends_are_pillows(order, factors):
    expected = Image.fromarray(CAT)
    for operation in order:
        expected = ENHANCE[operation](expected).enhance(factors[operation])
    ours = blend(jnp.asarray(CAT[None], jnp.float32), jnp.array([order]), jnp.array([factors], jnp.float32))
    # Pillow rounds after each step, and the mean grey too.
    np.testing.assert_allclose(np.asarray(ours[0]), np.asarray(expected, np.float32), atol=4)


def test_factors_are_spread_evenly():
    """On pictures that show the factor: brightness multiplies an even grey, the others leave it."""
    images = jnp.full((3000, 2, 2, 3), 100.0)
    factors = np.asarray(photometric_distort(images, keys(3000), brightness=0.5, contrast=0.5, colour=0.5)) / 100
    assert 0.5 <= factors.min() < 0.51 and 1.49 < factors.max() <= 1.5 and abs(factors.mean() - 1) < 0.02
    assert np.histogram(factors[:, 0, 0, 0], 4)[0].min() > 600


def test_every_order_comes():
    """A picture of black and white: brightness before contrast cuts off another grey than after it."""
    images = np.zeros((200, 1, 2, 3), np.float32)
    images[:, :, 1] = 250
    limits = {"brightness": 0.5, "contrast": 0.5, "colour": 0.0}
    ours = np.asarray(photometric_distort(jnp.asarray(images), keys(200), **limits))
    factor_keys = jax.vmap(jax.random.fold_in, (0, None))(keys(200), 1)
    signs = jax.vmap(lambda key: jax.random.uniform(key, (3,), jnp.float32, -1.0, 1.0))(factor_keys)
    factors = 1 + signs * jnp.array([[0.5, 0.5, 0.0]])
    first, second = (
        np.asarray(blend(jnp.asarray(images), jnp.broadcast_to(jnp.array([order]), (200, 3)), factors))
        for order in ((0, 1, 2), (1, 0, 2))
    )
    differ = np.abs(first - second).max(axis=(1, 2, 3)) > 1
    is_first, is_second = (np.abs(ours - each).max(axis=(1, 2, 3)) < 0.1 for each in (first, second))
    assert (is_first | is_second).all()
    assert differ.sum() > 50 and (is_first & differ).sum() > 15 and (is_second & differ).sum() > 15


def test_it_depends_on_the_key_alone_and_only_where_asked_for():
    images = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), np.uint8)
    inputs = Inputs(
        size=6, channels=3, stored_size=6, photometric=Photometric(brightness=0.5, contrast=0.5, colour=0.5)
    )
    whole = photometric(jnp.asarray(images), keys(4), inputs)
    np.testing.assert_allclose(photometric(jnp.asarray(images[1:3]), keys(4)[1:3], inputs), whole[1:3], rtol=1e-5)
    assert np.abs(np.asarray(whole) - images).max() > 5
    plain = Inputs(size=6, channels=3, stored_size=6)
    np.testing.assert_array_equal(photometric(jnp.asarray(images), keys(4), plain), images)


def test_grey_pictures_are_refused():
    with pytest.raises(ValueError, match="3 channels, not 1"):
        photometric_distort(jnp.zeros((1, 2, 2, 1)), keys(1), brightness=0.1, contrast=0.0, colour=0.0)
