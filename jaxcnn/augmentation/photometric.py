"""Random brightness, contrast and colour: Howard, "Some Improvements on Deep Convolutional Neural Network Based
Image Classification", 2013, which GoogLeNet's paper (§6) follows. The operations are those of Pillow's `ImageEnhance`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int32, Key

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, as Pillow's grey


def photometric_distort(
    images: Float32[Array, "batch height width channels"],
    keys: Key[Array, "batch"],
    *,
    brightness: float,
    contrast: float,
    colour: float,
) -> Float32[Array, "batch height width channels"]:
    """Changes brightness, contrast and colour of each image in a random order; after each, values are clipped to 0–255.

    A factor f replaces x by f·x + (1 − f)·z, where z is black for brightness, the image's mean grey for contrast, and
    the pixel's grey for colour.

    Args:
      images: RGB, 0–255.
      keys: one key for each image, on which alone its changes depend.
      brightness, contrast, colour: limits; a factor is uniform from 1 − limit to 1 + limit.

    Raises:
      ValueError: the images haven't three channels.
    """
    if images.shape[-1] != 3:
        raise ValueError(f"photometric distortion needs 3 channels, not {images.shape[-1]}.")
    limits = np.array([brightness, contrast, colour], np.float32)
    order_keys, factor_keys = (jax.vmap(jax.random.fold_in, (0, None))(keys, number) for number in range(2))
    orders = jax.vmap(lambda key: jax.random.permutation(key, 3))(order_keys)
    signs = jax.vmap(lambda key: jax.random.uniform(key, (3,), jnp.float32, -1.0, 1.0))(factor_keys)
    return blend(images, orders, 1.0 + signs * limits[None])


def blend(
    images: Float32[Array, "batch height width 3"], orders: Int32[Array, "batch 3"], factors: Float32[Array, "batch 3"]
) -> Float32[Array, "batch height width 3"]:
    """Applies three factors in the given orders.

    Args:
      images: RGB, 0–255.
      orders: the order of brightness (0), contrast (1) and colour (2) for each image.
      factors: of brightness, contrast and colour.
    """
    for place in range(3):
        which = orders[:, place, None, None, None]
        factor = jnp.take_along_axis(factors, orders[:, place, None], axis=1)[:, :, None, None]
        grey = (images * LUMA[None, None, None]).sum(axis=-1, keepdims=True)
        mean_grey = grey.mean(axis=(1, 2), keepdims=True)
        towards = jnp.where(which == 0, 0.0, jnp.where(which == 1, mean_grey, grey))
        images = jnp.clip(towards + factor * (images - towards), 0.0, 255.0)
    return images
