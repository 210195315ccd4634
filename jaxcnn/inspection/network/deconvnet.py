"""The deconvnet's rules: how a signal goes back through a network. Zeiler & Fergus 2013, §2.1.

A unit's value is carried back to the image: each max-pooling puts the signal where the maximum was, each ReLU passes
the signal's positive part on, and each convolution applies its filters transposed. This differs from the derivative at
the ReLUs alone, where the derivative asks whether the unit was active. Response normalisation, biases and the means of
batch normalisation are left out, its scales are not; squashing functions pass the signal on by their derivative.

Both rules are in one program, which a flag switches: it is compiled once, and compiling takes longer than the choice.
"""

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.inspection.network.taps import Rule
from jaxcnn.models.kernels.relu import replacing_relu
from jaxcnn.models.layers.local_response_norm import LocalResponseNorm


@contextlib.contextmanager
def rules(is_deconvnet: jax.Array) -> Iterator[Rule]:
    """Within it, ReLUs go back by the deconvnet's rule where the flag is true, else by their derivative.

    Args:
      is_deconvnet: bool [].

    Yields:
      The rule for layers, for `apply_tapped`.
    """
    with replacing_relu(partial(_rectify, is_deconvnet)):
        yield partial(_around_normalisation, is_deconvnet)


@jax.custom_vjp
def _rectify(is_deconvnet: jax.Array, values: jax.Array) -> jax.Array:
    """A ReLU; the deconvnet's is one of the signal, whatever the values were."""
    del is_deconvnet
    return jnp.maximum(values, np.zeros((), values.dtype))


def _forward(is_deconvnet: jax.Array, values: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _rectify(is_deconvnet, values), (is_deconvnet, values > 0)


def _backward(residuals: tuple[jax.Array, jax.Array], signal: jax.Array) -> tuple[None, jax.Array]:
    is_deconvnet, active = residuals
    passes = jnp.where(is_deconvnet, signal > 0, active)
    return None, jnp.where(passes, signal, np.zeros((), signal.dtype))


_rectify.defvjp(_forward, _backward)


def _around_normalisation(is_deconvnet: jax.Array, layer: Any, arguments: tuple[Any, ...], outputs: jax.Array) -> Any:
    """The deconvnet doesn't invert response normalisation: the signal passes it unchanged."""
    if not isinstance(layer, LocalResponseNorm):
        return outputs
    unchanged = arguments[0] + jax.lax.stop_gradient(outputs - arguments[0])
    return jnp.where(is_deconvnet, unchanged, outputs)
