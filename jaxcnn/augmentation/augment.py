"""From uint8 squares to the network's input, on the device, inside the jitted step.

Randomness comes as one key an example, so a picture's augmentation doesn't depend on how many devices share
its batch.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.augmentation.affine import affine_distort
from jaxcnn.augmentation.local_contrast import local_contrast
from jaxcnn.augmentation.photometric import photometric_distort
from jaxcnn.augmentation.whitening import global_contrast
from jaxcnn.config.inputs import Inputs, Whitening

# Principal components of RGB over ImageNet's training set: eigenvalues λ of the covariance of pixels in 0–1, which are
# variances, and eigenvectors as columns. Measured by the authors of fb.resnet.torch; AlexNet (§4.1) prints none.
COLOUR_EIGENVALUES = np.array([0.2175, 0.0188, 0.0045], np.float32)
COLOUR_COMPONENTS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]], np.float32
)


def normalise(images: jax.Array, inputs: Inputs, statistics: dict) -> jax.Array:
    """(pixel − mean) · scale, or whitening, or local contrast normalisation; then padding.

    images: uint8 or float32 [batch, height, width, c], 0–255; result: float32 [batch, height + 2·pad, …, c].
    """
    images = images.astype(jnp.float32)
    if inputs.whitening is not None:
        images = whiten(images, inputs.whitening, statistics)
    elif inputs.local_contrast is not None:
        images = local_contrast(images, inputs.local_contrast)
    else:
        mean = mean_over(images, statistics["mean"]) if inputs.mean == "picture" else _channels(inputs.mean)
        images = (images - mean) * _channels(inputs.scale)
    if not inputs.pad:
        return images
    sides = ((0, 0), (inputs.pad, inputs.pad), (inputs.pad, inputs.pad), (0, 0))
    return jnp.pad(images, sides, constant_values=inputs.background)


def mean_over(images: jax.Array, mean: jax.Array) -> jax.Array:
    """The mean picture as these images need it, [1, …]: itself; its middle where they are smaller; else its colour."""
    height, width = images.shape[1:3]
    top, left = (mean.shape[0] - height) // 2, (mean.shape[1] - width) // 2
    if top < 0 or left < 0:
        return mean.mean(axis=(0, 1), keepdims=True)[None]
    return mean[None, top : top + height, left : left + width]


def whiten(images: jax.Array, whitening: Whitening, statistics: dict) -> jax.Array:
    """Global contrast normalisation, then ZCA. images: float32, of the size that `statistics` were made for."""
    flat = global_contrast(images.reshape(images.shape[0], -1), whitening.norm)
    centred = flat - statistics["mean"][None]
    whitened = jnp.matmul(centred, statistics["zca"], precision=jax.lax.Precision.HIGHEST)
    return whitened.reshape(images.shape)


def _channels(value) -> jax.Array:
    return jnp.reshape(jnp.asarray(value, jnp.float32), (1, 1, 1, -1))


def photometric(images: jax.Array, keys: jax.Array, inputs: Inputs) -> jax.Array:
    """Random brightness, contrast and colour, if `inputs` asks for them: before the mean is taken off.

    images: uint8 [batch, height, width, channels]; keys: [batch].
    """
    if inputs.photometric is None:
        return images
    keys = jax.vmap(jax.random.fold_in, (0, None))(keys, 4)  # after the four of `augment`
    limits = dataclasses.asdict(inputs.photometric)
    return photometric_distort(images.astype(jnp.float32), keys, **limits)


def augment(images: jax.Array, keys: jax.Array, inputs: Inputs) -> jax.Array:
    """Random colour, crop, mirror and distortion, whichever `inputs` asks for.

    images: float32 [batch, height, width, channels], normalised; keys: [batch]; result: [batch, size, size, channels].
    """
    colour_keys, crop_keys, mirror_keys, distortion_keys = (
        jax.vmap(jax.random.fold_in, (0, None))(keys, number) for number in range(4)
    )
    if inputs.colour_std:
        images = images + colour_shift(colour_keys, inputs.colour_std)[:, None, None, :] * _channels(inputs.scale)
    if images.shape[1] > inputs.size:
        images = random_crop(images, crop_keys, inputs.size)
    if inputs.mirror:
        flip = jax.vmap(jax.random.bernoulli)(mirror_keys)
        images = jnp.where(flip[:, None, None, None], images[:, :, ::-1], images)
    if inputs.distortion is not None:
        limits = dataclasses.asdict(inputs.distortion)
        images = affine_distort(images, distortion_keys, **limits, fill=inputs.background)
    return images


def colour_shift(keys: jax.Array, std: float) -> jax.Array:
    """AlexNet §4.1: [p1 p2 p3][α1λ1, α2λ2, α3λ3]ᵀ, α ~ N(0, std), one draw a picture. float32 [batch, 3], of 0–255."""
    alphas = std * jax.vmap(lambda key: jax.random.normal(key, (3,)))(keys)
    return 255.0 * (alphas * COLOUR_EIGENVALUES[None]) @ COLOUR_COMPONENTS.T


def random_crop(images: jax.Array, keys: jax.Array, size: int) -> jax.Array:
    """A `size`×`size` window of each picture, uniform over the places it fits in."""
    last = images.shape[1] - size

    def crop(image, key):
        top, left = jax.random.randint(key, (2,), 0, last + 1)
        return jax.lax.dynamic_slice(image, (top, left, 0), (size, size, image.shape[-1]))

    return jax.vmap(crop)(images, keys)
