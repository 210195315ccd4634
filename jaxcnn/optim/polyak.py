"""Polyak averaging: evaluations use an average of the parameters over recent steps."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int32


def update_average(average: Any, params: Any, step: Int32[Array, ""], decay: float) -> Any:
    """average ← d · average + (1 − d) · params, with d = min(decay, (1 + step) / (10 + step)).

    The average forgets old parameters exponentially, and faster in the beginning, when the parameters improve most.

    Args:
      average, params: trees of the same shapes.
      step: the number of updates before this one.
      decay: the largest share of the old average that is kept.
    """
    steps = step.astype(jnp.float32)
    keep = jnp.minimum(decay, (1.0 + steps) / (10.0 + steps))
    # `optax.incremental_update` computes 1 − (1 − keep), which isn't `keep` to the bit, and would change the numbers.
    return jax.tree.map(lambda old, new: keep * old + (1.0 - keep) * new, average, params)
