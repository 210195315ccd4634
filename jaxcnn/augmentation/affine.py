"""The affine distortions of LeNet-5's paper, drawn anew for each presentation of an image, on the device.

Source: LeCun, Bottou, Bengio & Haffner 1998, §III-B: "planar affine transformations", namely horizontal and
vertical translation, scaling, squeezing (compression along one axis, elongation along the other) and horizontal
shearing. The paper gives no ranges.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Key


def affine_matrices(
    keys: Key[Array, "batch"],
    *,
    max_translation: float,
    max_scaling: float,
    max_squeeze: float,
    max_shear: float,
) -> tuple[Float32[Array, "batch 2 2"], Float32[Array, "batch 2"]]:
    """Where each output pixel comes from: source = matrix @ (row, column) + shift, both relative to the centre.

    Args:
      keys: one key for each image.
      max_translation: pixels, in both directions of each axis.
      max_scaling: logarithm of the largest factor of both axes: a factor is between exp(−max) and exp(max).
      max_squeeze: the same with opposite signs for the two axes, so that the area is preserved.
      max_shear: columns per row.

    Returns:
      Matrices and shifts, uniform in their ranges.
    """
    draws = jax.vmap(lambda key: jax.random.uniform(key, (5,), jnp.float32, -1.0, 1.0))(keys)
    scaling, squeeze = max_scaling * draws[:, 0], max_squeeze * draws[:, 1]
    height, width = jnp.exp(scaling + squeeze), jnp.exp(scaling - squeeze)
    shear = max_shear * draws[:, 2]
    rows = jnp.stack([height, jnp.zeros_like(height)], axis=-1)
    columns = jnp.stack([shear * width, width], axis=-1)
    return jnp.stack([rows, columns], axis=1), max_translation * draws[:, 3:]


def resample(
    images: Float32[Array, "batch height width channels"],
    matrices: Float32[Array, "batch 2 2"],
    shifts: Float32[Array, "batch 2"],
    fill: float,
) -> Float32[Array, "batch height width channels"]:
    """Bilinear values of the images at matrix @ (row, column) + shift.

    Args:
      images: the images.
      matrices, shifts: as of `affine_matrices`; coordinates are relative to the image's centre, in pixels.
      fill: the value outside of the image.
    """
    # `jax.scipy.ndimage.map_coordinates` differs in the last bits (6e-6), so LeNet-5's runs would have other numbers.
    batch, height, width, channels = images.shape
    rows = jnp.arange(height, dtype=jnp.float32) - (height - 1) / 2
    columns = jnp.arange(width, dtype=jnp.float32) - (width - 1) / 2
    grid = jnp.stack(jnp.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(1, height * width, 2)
    source = (grid[:, :, None] * matrices[:, None]).sum(-1) + shifts[:, None]
    source = source + jnp.array([(height - 1) / 2, (width - 1) / 2], jnp.float32)[None, None]
    # One pixel of `fill` around the image: places further out become `fill`, and the border blends into it.
    framed = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=fill)
    flat = framed.reshape(batch, (height + 2) * (width + 2), channels)
    row = jnp.clip(source[..., 0] + 1, 0.0, height + 1.0)
    column = jnp.clip(source[..., 1] + 1, 0.0, width + 1.0)
    top = jnp.minimum(jnp.floor(row), float(height))
    left = jnp.minimum(jnp.floor(column), float(width))
    down, right = (row - top)[..., None], (column - left)[..., None]
    corner = (top * (width + 2) + left).astype(jnp.int32)

    def pixels(offset: int) -> Float32[Array, "batch _ channels"]:
        return jnp.take_along_axis(flat, (corner + offset)[..., None], axis=1)

    upper = pixels(0) * (1 - right) + pixels(1) * right
    lower = pixels(width + 2) * (1 - right) + pixels(width + 3) * right
    return (upper * (1 - down) + lower * down).reshape(images.shape)


def affine_distort(
    images: Float32[Array, "batch height width channels"],
    keys: Key[Array, "batch"],
    *,
    max_translation: float,
    max_scaling: float,
    max_squeeze: float,
    max_shear: float,
    fill: float,
) -> Float32[Array, "batch height width channels"]:
    """Distorts each image by a random affine map of its own (LeCun et al. 1998, §III-B).

    Args:
      images: the images.
      keys: one key for each image, on which alone its distortion depends.
      max_translation, max_scaling, max_squeeze, max_shear: as in `affine_matrices`; all zero changes nothing.
      fill: the value outside of the image.
    """
    matrices, shifts = affine_matrices(
        keys,
        max_translation=max_translation,
        max_scaling=max_scaling,
        max_squeeze=max_squeeze,
        max_shear=max_shear,
    )
    return resample(images, matrices, shifts, fill)
