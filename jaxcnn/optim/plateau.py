"""The plateau controller: "divide the rate by 10 when the validation error stops improving" (AlexNet §5).

Its state is part of the train state, so that a resumed run continues to wait where it stopped.
"""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, Int32

from jaxcnn.config.experiment import Plateau

Scalar = jax.Array | np.ndarray  # on the devices as part of a train state, on the host where it is decided


@flax.struct.dataclass
class PlateauState:
    """What a plateau controller remembers, as scalars."""

    scale: Float32[Scalar, ""]  # multiplies the schedule's rate
    best: Float32[Scalar, ""]  # lowest validation error so far, percent
    waited: Int32[Scalar, ""]  # evaluations since the best one
    reductions: Int32[Scalar, ""]  # reductions of the rate so far

    @classmethod
    def create(cls) -> "PlateauState":
        """The state before the first evaluation."""
        return cls(
            scale=jnp.ones((), jnp.float32),
            best=jnp.full((), jnp.inf, jnp.float32),
            waited=jnp.zeros((), jnp.int32),
            reductions=jnp.zeros((), jnp.int32),
        )


def observe(plateau: Plateau, state: PlateauState, error: float) -> PlateauState:
    """The state after an evaluation. It is computed on the host, as it is needed once an epoch.

    >>> state = observe(Plateau(patience=1, factor=0.5, reductions=2), PlateauState.create(), 40.0)
    >>> float(state.best), float(state.scale)
    (40.0, 1.0)

    Args:
      plateau: the experiment's.
      state: the state before the evaluation.
      error: validation error, percent.
    """
    scale, best, waited, reductions = (
        np.asarray(jax.device_get(value)) for value in (state.scale, state.best, state.waited, state.reductions)
    )
    if error < best:
        best, waited = np.float32(error), np.int32(0)
    else:
        waited = np.int32(waited + 1)
        if waited >= plateau.patience and reductions < plateau.reductions:
            scale, reductions, waited = np.float32(scale * plateau.factor), np.int32(reductions + 1), np.int32(0)
    return PlateauState(*(np.asarray(value) for value in (scale, best, waited, reductions)))
