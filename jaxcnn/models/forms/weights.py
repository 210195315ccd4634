"""A convolution whose weights' gradient transposes its operands before anything is fused into them.

XLA's CPU convolution sums over the batch only where that is the innermost axis, so both operands of the weights'
gradient are transposed. Left to itself, XLA fuses the transposed copy with what computes its operand, and then writes
one value at a time: 128×32×32×16: 4.7 ms of processor time; a copy alone, behind a barrier, takes 1.2. Whole steps on
one busy core, before and with it: ResNet-20 710 and 676 ms, AlexNet 856 and 837, GoogLeNet 1,109 and 1,082, NiN 493
and 492.
"""

from functools import partial

import jax
import jax.numpy as jnp

from jaxcnn.models.forms.plain import Sides, plain


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def with_copied_operands(images: jax.Array, kernel: jax.Array, padding: Sides) -> jax.Array:
    """Cross-correlation at stride 1.

    images: [batch, height, width, inputs]; kernel: [height, width, inputs, outputs].
    """
    return plain(images, kernel, (1, 1), padding)


def _forward(images, kernel, padding):
    return plain(images, kernel, (1, 1), padding), (images, kernel)


def _backward(padding, residuals, gradient):
    images, kernel = residuals
    _, of_images = jax.vjp(lambda images: plain(images, kernel, (1, 1), padding), images)
    return *of_images(gradient), kernel_gradient(images, gradient, padding)


with_copied_operands.defvjp(_forward, _backward)


def kernel_gradient(images: jax.Array, gradient: jax.Array, padding: Sides) -> jax.Array:
    """Of the outputs' gradient [batch, rows, columns, outputs] at stride 1: [height, width, inputs, outputs]."""
    turned = jnp.transpose(images, (3, 1, 2, 0)), jnp.transpose(gradient, (1, 2, 0, 3))
    pictures, filters = jax.lax.optimization_barrier(turned)
    return jnp.transpose(plain(pictures, filters, (1, 1), padding), (1, 2, 0, 3))
