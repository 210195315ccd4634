"""Random brightness, contrast and colour: Howard, "Some Improvements on Deep Convolutional Neural Network Based
Image Classification", 2013, which GoogLeNet's paper (§6) follows. The operations are those of Pillow's `ImageEnhance`.
"""

import jax
import jax.numpy as jnp
import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, as Pillow's grey


def photometric_distort(
    images: jax.Array, keys: jax.Array, *, brightness: float, contrast: float, colour: float
) -> jax.Array:
    """Three blends in an order of the picture's own, each cut to 0–255.

    Args:
      images: float32 [batch, height, width, 3], RGB, 0–255.
      keys: [batch]; what happens to a picture depends on its key alone.
      brightness, contrast, colour: limits; a factor is uniform from 1 − limit to 1 + limit. A factor f makes
        x of f·x + (1 − f)·z, with z black, the picture's mean grey, or the pixel's grey.
    """
    if images.shape[-1] != 3:
        raise ValueError(f"photometric distortion needs 3 channels, not {images.shape[-1]}.")
    limits = np.array([brightness, contrast, colour], np.float32)
    order_keys, factor_keys = (jax.vmap(jax.random.fold_in, (0, None))(keys, number) for number in range(2))
    orders = jax.vmap(lambda key: jax.random.permutation(key, 3))(order_keys)
    signs = jax.vmap(lambda key: jax.random.uniform(key, (3,), jnp.float32, -1.0, 1.0))(factor_keys)
    return blend(images, orders, 1.0 + signs * limits[None])


def blend(images: jax.Array, orders: jax.Array, factors: jax.Array) -> jax.Array:
    """The blends themselves. orders: int32 [batch, 3], which of brightness (0), contrast (1), colour (2) comes
    when; factors: float32 [batch, 3], one for each of them."""
    for place in range(3):
        which = orders[:, place, None, None, None]
        factor = jnp.take_along_axis(factors, orders[:, place, None], axis=1)[:, :, None, None]
        grey = (images * LUMA[None, None, None]).sum(axis=-1, keepdims=True)
        mean_grey = grey.mean(axis=(1, 2), keepdims=True)
        towards = jnp.where(which == 0, 0.0, jnp.where(which == 1, mean_grey, grey))
        images = jnp.clip(towards + factor * (images - towards), 0.0, 255.0)
    return images
