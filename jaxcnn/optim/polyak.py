"""Polyak averaging: the network that is used in the end is the average over the last part of training."""

from typing import Any

import jax
import jax.numpy as jnp


def update_average(average: Any, params: Any, step: jax.Array, decay: float) -> Any:
    """average ← d · average + (1 − d) · params, with d = min(decay, (1 + step) / (10 + step)).

    An average over all steps would keep the first ones for ever; this one forgets them exponentially, and early
    on, when every step is a better network, sooner. `step` counts the updates before this one, int32 [].
    """
    steps = step.astype(jnp.float32)
    keep = jnp.minimum(decay, (1.0 + steps) / (10.0 + steps))
    # `optax.incremental_update` computes 1 − (1 − keep), which isn't `keep` to the bit, and would change the numbers.
    return jax.tree.map(lambda old, new: keep * old + (1.0 - keep) * new, average, params)
