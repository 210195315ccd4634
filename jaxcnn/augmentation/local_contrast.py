"""Local contrast normalisation (Jarrett et al. 2009; Zeiler & Fergus 2013 for SVHN), on the device."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32


def gaussian_window(size: int) -> Float32[np.ndarray, "{size} {size}"]:
    """Gaussian weights that add up to 1, with a standard deviation of a quarter of the size.

    >>> gaussian_window(3).shape
    (3, 3)
    """
    offsets = np.arange(size) - (size - 1) / 2
    line = np.exp(-(offsets**2) / (2 * (size / 4) ** 2))
    window = np.outer(line, line)
    return (window / window.sum()).astype(np.float32)


def local_contrast(
    images: Float32[Array, "batch height width channels"], size: int
) -> Float32[Array, "batch height width channels"]:
    """Subtracts the weighted mean of each pixel's surroundings and divides by their standard deviation.

    Channels are treated separately. No standard deviation counts as less than the mean one of its image and channel
    (Jarrett et al.). Outside of the image its border pixels are repeated.

    Args:
      images: the images.
      size: pixels of the window's side.
    """
    centred = images - smoothed(images, size)
    deviation = jnp.sqrt(smoothed(jnp.square(centred), size))
    floor = deviation.mean(axis=(1, 2), keepdims=True)
    return centred / (jnp.maximum(deviation, floor) + 1e-4)


def smoothed(
    images: Float32[Array, "batch height width channels"], size: int
) -> Float32[Array, "batch height width channels"]:
    """The weighted mean of each pixel's surroundings."""
    before, after = (size - 1) // 2, size // 2
    padded = jnp.pad(images, ((0, 0), (before, after), (before, after), (0, 0)), mode="edge")
    channels = images.shape[-1]
    window = jnp.asarray(np.repeat(gaussian_window(size)[:, :, None, None], channels, axis=3))
    one_by_one = [
        jax.lax.conv_general_dilated(
            padded[..., channel, None],
            window[..., channel, None],
            (1, 1),
            "VALID",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        for channel in range(channels)
    ]
    return jnp.concatenate(one_by_one, axis=-1)
