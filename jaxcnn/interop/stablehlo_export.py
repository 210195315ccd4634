"""StableHLO by `jax.export`: one file for CPU, CUDA and TPU, and for batches of any size."""

from collections.abc import Callable

import jax
import jax.export
import jax.numpy as jnp

from jaxcnn.models.kernels.backend import reference_kernels

PLATFORMS = ("cpu", "cuda", "tpu")


def stablehlo(function: Callable[[jax.Array], jax.Array], image_shape: tuple[int, int, int]) -> bytes:
    """What `jax.export.deserialize` takes.

    It is made from the plain forms of all layers: the kernels of this project suit one platform and one batch.

    Args:
      function: float32 [batch, *image_shape] → float32 [batch, classes]; what it holds becomes part of the file.
      image_shape: height, width, channels.
    """

    def plain(pixels: jax.Array) -> jax.Array:
        with reference_kernels():
            return function(pixels)

    (batch,) = jax.export.symbolic_shape("batch")
    pixels = jax.ShapeDtypeStruct((batch, *image_shape), jnp.float32)
    return bytes(jax.export.export(jax.jit(plain), platforms=PLATFORMS)(pixels).serialize())
