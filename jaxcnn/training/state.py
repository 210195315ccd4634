"""Everything that a run carries from step to step: one pytree of arrays, and so one checkpoint."""

from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxcnn.config.experiment import Experiment, WarmUp
from jaxcnn.config.inputs import Inputs
from jaxcnn.optim.plateau import PlateauState
from jaxcnn.training.layers import part, trained_layers
from jaxcnn.training.metrics import zero_sums
from jaxcnn.training.network import initialised

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
    statistics: Tree  # of the training set, for the inputs: {"mean": …}, {"mean": …, "zca": …} or nothing
    sums: Tree  # of the metrics since they were last read
    average: Tree  # of the parameters over the steps; empty where none is kept
    warmup: Tree  # {"factor": what the rate is multiplied by}; empty without a warm-up


def create(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    inputs: Inputs,
    *,
    seed: int | jax.Array,
    mean: np.ndarray | None = None,
    statistics: Tree = None,
    averaging: float | None = None,
    warmup: WarmUp | None = None,
    train_only: tuple[str, ...] | None = None,
) -> TrainState:
    """A fresh state.

    Args:
      model, optimizer, inputs, averaging, warmup, train_only: the experiment's.
      seed: of the initialisation and of everything random after it.
      mean: float32 [stored_size, stored_size, channels] where `inputs.mean` is "picture".
      statistics: instead of `mean`, all that `inputs` need of the training set, as `zero_statistics` has them.
    """
    variables = initialised(model, inputs, seed)
    params = variables["params"]
    if statistics is None:
        statistics = {} if mean is None else {"mean": mean}
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        seed=jnp.asarray(seed, jnp.uint32),
        params=params,
        batch_stats=variables.get("batch_stats", {}),
        opt_state=init_optimizer(optimizer, variables, train_only),
        plateau=PlateauState.create(),
        statistics=jax.tree.map(lambda values: jnp.asarray(values, jnp.float32), statistics),
        sums=zero_sums(),
        average={} if averaging is None else params,
        warmup={} if warmup is None else {"factor": jnp.asarray(warmup.factor, jnp.float32)},
    )


def create_for(experiment: Experiment, optimizer: optax.GradientTransformation, **options: Any) -> TrainState:
    """A fresh state of this experiment; options: `seed`, and `mean` or `statistics`, as in `create`."""
    fields: dict[str, Any] = {name: getattr(experiment, name) for name in ("averaging", "warmup", "train_only")}
    return create(experiment.model, optimizer, experiment.inputs, **fields, **options)


def init_optimizer(
    optimizer: optax.GradientTransformation, variables: Tree, train_only: tuple[str, ...] | None
) -> optax.OptState:
    """The optimizer's first state: of the layers that are trained alone. variables: {"params", "batch_stats"}."""
    return optimizer.init(part(variables["params"], trained_layers(train_only, variables)))


def zero_statistics(inputs: Inputs) -> dict[str, np.ndarray]:
    """What `inputs` need of the training set, as zeros: what a checkpoint is restored into."""
    shape = (inputs.stored_size, inputs.stored_size, inputs.channels)
    if inputs.whitening is not None:
        values = int(np.prod(shape))
        return {"mean": np.zeros(values, np.float32), "zca": np.zeros((values, values), np.float32)}
    return {"mean": np.zeros(shape, np.float32)} if inputs.mean == "picture" else {}


def variables_of(state: TrainState) -> dict[str, Tree]:
    """The network's variables in training: {"params", "batch_stats"}."""
    return {"params": state.params, "batch_stats": state.batch_stats}


def evaluation_variables(state: TrainState) -> dict[str, Tree]:
    """What an evaluation needs of a state; the average of the parameters where one is kept."""
    params = state.average or state.params
    return {"params": params, "batch_stats": state.batch_stats, "statistics": state.statistics}


def init(model: nn.Module, experiment: Experiment, seed: int = 0):
    """The model's variables for the experiment's input."""
    return initialised(model, experiment.inputs, seed)
