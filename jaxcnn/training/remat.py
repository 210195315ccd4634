"""Rematerialisation: the backward pass recomputes values that the forward pass doesn't keep."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.models.layers.core import SUM
from jaxcnn.training.barrier import zero_after

Tree = Any

# "sums": keeps what convolutions and matrix products computed; batch norm, activations, response normalisation, pooling
# and dropout, which are cheap, are computed again from that.
KEPT = {"sums": jax.checkpoint_policies.save_only_these_names(SUM)}


def value_and_pull_back(forward: Callable, params: Tree, level: str | None) -> tuple[Tree, Callable, Tree]:
    """`jax.vjp(forward, params, has_aux=True)`, which keeps for the gradient only what `level` (Experiment.remat) says.

    Returns:
      (outputs, a function from their cotangents to the gradients of `params`, the auxiliary output of `forward`).
    """
    if level is None:
        outputs, pull_back, auxiliary = jax.vjp(forward, params, has_aux=True)
        return outputs, lambda cotangents: pull_back(cotangents)[0], auxiliary
    outputs, kept, auxiliary = jax.vjp(jax.checkpoint(forward, policy=KEPT[level]), params, has_aux=True)

    def pull_back(cotangents: Tree) -> Tree:
        # Otherwise the compiler would reuse, and so keep, the values of the forward pass.
        zero = zero_after(cotangents)
        floating = lambda x: jnp.issubdtype(x.dtype, jnp.floating)  # noqa: E731
        late = jax.tree.map(lambda x: x + zero.astype(x.dtype) if floating(x) and x.ndim > 1 else x, kept)
        return late(cotangents)[0]

    return outputs, pull_back, auxiliary
