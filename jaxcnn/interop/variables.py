"""The variables that a network wants, by shape, and the values of those that a file may leave out."""

from typing import Any

import jax
import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.interop.named_arrays import flat
from jaxcnn.models.kernels.backend import reference_kernels
from jaxcnn.runs.resolve import attempt, check_network
from jaxcnn.training.network import initialised

Tree = Any


def wanted_variables(experiment: Experiment) -> dict[str, Tree]:
    """The shapes of a network's variables: {"params": …, "batch_stats": …}.

    Raises:
      UsageError: the network can't be made for its input.
    """
    error, shapes = attempt(experiment.model, experiment.inputs.size, experiment.inputs.channels)
    if error is not None:
        check_network(experiment, experiment.id)  # it fails there again, and says it in a line
    _, variables = shapes
    return {collection: dict(variables.get(collection, {})) for collection in ("params", "batch_stats")}


def initial_values(experiment: Experiment, names: list[str]) -> dict[str, np.ndarray]:
    """The values that these variables have before training, by seed 0.

    Args:
      experiment: with the network.
      names: as `flat` has them.
    """

    def some() -> dict[str, jax.Array]:
        found = flat(initialised(experiment.model, experiment.inputs))
        return {name: found[name] for name in names}

    with reference_kernels():
        return {name: np.asarray(value) for name, value in jax.jit(some)().items()}
