"""The plateau controller: "divide the rate by 10 when the validation error stops improving" (AlexNet §5).

Its state is part of the train state, so a resumed run knows how long it has waited.
"""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.config.experiment import Plateau

Scalar = jax.Array | np.ndarray  # on the devices as part of a train state, on the host where it is decided


@flax.struct.dataclass
class PlateauState:
    """scale: what the schedule's rate is multiplied by. best: lowest error so far, percent. All are scalars."""

    scale: Scalar
    best: Scalar
    waited: Scalar  # evaluations since the best
    reductions: Scalar

    @classmethod
    def create(cls) -> "PlateauState":
        return cls(
            scale=jnp.ones((), jnp.float32),
            best=jnp.full((), jnp.inf, jnp.float32),
            waited=jnp.zeros((), jnp.int32),
            reductions=jnp.zeros((), jnp.int32),
        )


def observe(plateau: Plateau, state: PlateauState, error: float) -> PlateauState:
    """The state after an evaluation with this validation error, on the host: it happens once an epoch."""
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
