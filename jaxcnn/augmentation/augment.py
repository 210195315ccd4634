"""From stored uint8 images to the network's input, on the device, inside the jitted step.

Every image has its own random key, so its augmentation doesn't depend on how many devices share the batch.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Key, UInt8

from jaxcnn.augmentation.affine import affine_distort
from jaxcnn.augmentation.local_contrast import local_contrast
from jaxcnn.augmentation.photometric import photometric_distort
from jaxcnn.augmentation.whitening import global_contrast
from jaxcnn.config.inputs import Inputs, Whitening

Stored = UInt8[Array, "batch height width channels"] | Float32[Array, "batch height width channels"]
Statistics = dict[str, Float32[Array, "..."]]

# What an image's key is split into; the order decides every random number, so new uses come last.
STREAMS = ("colour", "crop", "mirror", "distortion", "photometric")

# Principal components of RGB over ImageNet's training set, for pixels in 0–1: the covariance's eigenvalues λ, which are
# variances, and its eigenvectors as columns. Measured by the authors of fb.resnet.torch; AlexNet's paper (§4.1) prints
# none.
COLOUR_EIGENVALUES = np.array([0.2175, 0.0188, 0.0045], np.float32)
COLOUR_COMPONENTS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]], np.float32
)


def normalise(
    images: Stored, inputs: Inputs, statistics: Statistics
) -> Float32[Array, "batch height+2*{inputs.pad} width+2*{inputs.pad} channels"]:
    """(pixel − mean) · scale, or whitening, or local contrast normalisation; then the channels' order, and padding.

    Args:
      images: 0–255; colours in the order red, green, blue.
      inputs: the experiment's.
      statistics: of the training set, {"mean": …} or {"mean": …, "zca": …}, where `inputs` need them.
    """
    images = images.astype(jnp.float32)
    if inputs.whitening is not None:
        images = whiten(images, inputs.whitening, statistics)
    elif inputs.local_contrast is not None:
        images = local_contrast(images, inputs.local_contrast)
    else:
        mean = mean_over(images, statistics["mean"]) if inputs.mean == "picture" else _channels(inputs.mean)
        images = (images - mean) * _channels(inputs.scale)
    images = _in_order(images, inputs)
    if not inputs.pad:
        return images
    return _padded(images, inputs.pad, inputs.background)


def _padded(
    images: Stored, pad: int, background: tuple[float, ...]
) -> Float32[Array, "batch height+2*{pad} width+2*{pad} channels"]:
    """The images with a frame of `pad` pixels; background: one value, or one for each channel."""
    count, height, width, channels = images.shape
    if len(background) == 1:
        return jnp.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)), constant_values=background[0])
    colour = jnp.asarray(background, images.dtype).reshape(1, 1, 1, channels)
    frame = jnp.broadcast_to(colour, (count, height + 2 * pad, width + 2 * pad, channels))
    return jax.lax.dynamic_update_slice(frame, images, (0, pad, pad, 0))


def mean_over(
    images: Float32[Array, "batch height width channels"], mean: Float32[Array, "rows columns channels"]
) -> Float32[Array, "1 _ _ channels"]:
    """The mean image for images of this size: its central part, or its mean colour if they are larger."""
    height, width = images.shape[1:3]
    top, left = (mean.shape[0] - height) // 2, (mean.shape[1] - width) // 2
    if top < 0 or left < 0:
        return mean.mean(axis=(0, 1), keepdims=True)[None]
    return mean[None, top : top + height, left : left + width]


def whiten(
    images: Float32[Array, "batch height width channels"], whitening: Whitening, statistics: Statistics
) -> Float32[Array, "batch height width channels"]:
    """Global contrast normalisation, then ZCA whitening.

    Args:
      images: of the size that `statistics` were computed for.
      whitening: the experiment's.
      statistics: as `whitening.zca_whitening` returns them.
    """
    flat = global_contrast(images.reshape(images.shape[0], -1), whitening.norm)
    centred = flat - statistics["mean"][None]
    whitened = jnp.matmul(centred, statistics["zca"], precision=jax.lax.Precision.HIGHEST)
    return whitened.reshape(images.shape)


def _in_order(values: Float32[Array, "*batch channels"], inputs: Inputs) -> Float32[Array, "*batch channels"]:
    """Values for red, green and blue in the order in which the network sees these channels."""
    return values[..., ::-1] if inputs.channel_order == "BGR" else values


def _channels(value: float | tuple[float, ...]) -> Float32[Array, "1 1 1 _"]:
    return jnp.reshape(jnp.asarray(value, jnp.float32), (1, 1, 1, -1))


def training_inputs(
    images: Stored, keys: Key[Array, "batch"], inputs: Inputs, statistics: Statistics
) -> Float32[Array, "batch {inputs.size} {inputs.size} channels"]:
    """The network's input in training: distorted colours, normalisation, then the other augmentation.

    Args:
      images: 0–255.
      keys: one key for each image, on which alone its augmentation depends.
      inputs: the experiment's.
      statistics: of the training set, as for `normalise`.
    """
    images = photometric(images, keys, inputs)
    return augment(normalise(images, inputs, statistics), keys, inputs)


def streams(keys: Key[Array, "batch"], *names: str) -> list[Key[Array, "batch"]]:
    """An independent key for each image and each of these uses (names in `STREAMS`)."""
    return [jax.vmap(jax.random.fold_in, (0, None))(keys, STREAMS.index(name)) for name in names]


def photometric(images: Stored, keys: Key[Array, "batch"], inputs: Inputs) -> Stored:
    """Random brightness, contrast and colour, if `inputs` ask for them. It comes before `normalise`.

    Args:
      images: 0–255.
      keys: one key for each image.
      inputs: the experiment's.

    Returns:
      The same images, or float32 ones in 0–255.
    """
    if inputs.photometric is None:
        return images
    (own_keys,) = streams(keys, "photometric")
    limits = dataclasses.asdict(inputs.photometric)
    return photometric_distort(images.astype(jnp.float32), own_keys, **limits)


def augment(
    images: Float32[Array, "batch height width channels"], keys: Key[Array, "batch"], inputs: Inputs
) -> Float32[Array, "batch rows columns channels"]:
    """Random colour, crop, mirroring and distortion, whichever `inputs` ask for.

    Args:
      images: normalised.
      keys: one key for each image.
      inputs: the experiment's.

    Returns:
      Images of `inputs.size` pixels a side.
    """
    colour_keys, crop_keys, mirror_keys, distortion_keys = streams(keys, "colour", "crop", "mirror", "distortion")
    if inputs.colour_std:
        shift = colour_shift(colour_keys, inputs.colour_std)[:, None, None, :] * _channels(inputs.scale)
        images = images + _in_order(shift, inputs)
    if images.shape[1] > inputs.size:
        images = random_crop(images, crop_keys, inputs.size)
    if inputs.mirror:
        flip = jax.vmap(jax.random.bernoulli)(mirror_keys)
        images = jnp.where(flip[:, None, None, None], images[:, :, ::-1], images)
    if inputs.distortion is not None:
        limits = dataclasses.asdict(inputs.distortion)
        images = affine_distort(images, distortion_keys, **limits, fill=inputs.background[0])
    return images


def colour_shift(keys: Key[Array, "batch"], std: float) -> Float32[Array, "batch 3"]:
    """[p1 p2 p3][α1λ1, α2λ2, α3λ3]ᵀ, what is added to R, G and B in 0–255 (Krizhevsky et al. 2012, §4.1).

    Args:
      keys: one key for each image, which draws its α once.
      std: standard deviation of α.
    """
    alphas = std * jax.vmap(lambda key: jax.random.normal(key, (3,)))(keys)
    return 255.0 * (alphas * COLOUR_EIGENVALUES[None]) @ COLOUR_COMPONENTS.T


def random_crop(
    images: Float32[Array, "batch side side channels"], keys: Key[Array, "batch"], size: int
) -> Float32[Array, "batch {size} {size} channels"]:
    """A `size`×`size` window of each image, uniform over the places where it fits."""
    last = images.shape[1] - size

    def crop(image, key):
        top, left = jax.random.randint(key, (2,), 0, last + 1)
        return jax.lax.dynamic_slice(image, (top, left, 0), (size, size, image.shape[-1]))

    return jax.vmap(crop)(images, keys)
