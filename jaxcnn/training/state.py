"""Everything that a run carries from step to step: one pytree of arrays, and so one checkpoint."""

from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxcnn.experiment import Inputs
from jaxcnn.training.metrics import zero_sums
from jaxcnn.training.plateau import PlateauState

Tree = Any


@flax.struct.dataclass
class TrainState:
    """The state of a run after `step` updates."""

    step: jax.Array  # int32 []
    seed: jax.Array  # uint32 []: every random number is a function of the seed and the step
    params: Tree
    batch_stats: Tree  # running means and variances; empty without batch normalisation
    opt_state: Tree
    plateau: PlateauState
    statistics: Tree  # of the training set, for the inputs: {"mean": …} or nothing
    sums: Tree  # of the metrics since they were last read


def create(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    inputs: Inputs,
    *,
    seed: int,
    mean: np.ndarray | None = None,
) -> TrainState:
    """A fresh state. mean: float32 [stored_size, stored_size, channels] where `inputs.mean` is "picture"."""
    images = jnp.zeros((1, inputs.size, inputs.size, inputs.channels))
    variables = model.init(jax.random.key(seed), images, train=False)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        seed=jnp.asarray(seed, jnp.uint32),
        params=variables["params"],
        batch_stats=variables.get("batch_stats", {}),
        opt_state=optimizer.init(variables["params"]),
        plateau=PlateauState.create(),
        statistics={} if mean is None else {"mean": jnp.asarray(mean, jnp.float32)},
        sums=zero_sums(),
    )
