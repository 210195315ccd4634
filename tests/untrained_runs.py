"""Networks with random weights, and runs' folders that hold them, without any training."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxcnn
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.serialize import to_json
from jaxcnn.runs.checkpoints import Checkpoints
from jaxcnn.runs.folder import claim_workdir, identity
from jaxcnn.runs.trained import TrainedNetwork
from jaxcnn.training.network import initialised
from jaxcnn.training.state import create_for, zero_statistics

NAMES = ("a cat", "größer", "猫")


def small(title: str, *settings: str) -> Experiment:
    """An experiment with few classes, images of a size that makes it quick, and whatever else is set."""
    return jaxcnn.override(jaxcnn.load(title), *settings)


def filled(shapes: Any, seed: int = 0) -> Any:
    """Random values that keep activations alive: positive scales and variances, weights of He's size."""
    draw = np.random.default_rng(seed)

    def fill(path: Any, leaf: Any) -> np.ndarray:
        if len(leaf.shape) < 2:
            return draw.uniform(0.1, 1.1, leaf.shape).astype(np.float32)
        fan_in = max(int(np.prod(leaf.shape[:-1])), 1)
        return (draw.normal(size=leaf.shape) * (2 / fan_in) ** 0.5).astype(np.float32)

    return jax.tree.map_with_path(fill, shapes)


def untrained(experiment: Experiment, seed: int = 0) -> TrainedNetwork:
    """The network of an experiment with random weights and statistics."""
    shapes = jax.eval_shape(lambda: initialised(experiment.model, experiment.inputs))
    variables = {"params": shapes["params"], "batch_stats": shapes.get("batch_stats", {})}
    filled_in = filled(variables, seed) | {"statistics": filled(zero_statistics(experiment.inputs), seed + 1)}
    if experiment.inputs.mean == "picture":
        filled_in["statistics"]["mean"] = 100 + 30 * filled_in["statistics"]["mean"]
    names = tuple(NAMES[i % 3] + f" {i}" for i in range(getattr(experiment.model, "num_classes", 10)))
    return TrainedNetwork(experiment, jax.tree.map(jnp.asarray, filled_in), names, 7)


def save_run(trained: TrainedNetwork, workdir: Path, *, data: str = "digits") -> Path:
    """A run's folder with this network as its only checkpoint."""
    experiment = trained.experiment
    claim_workdir(workdir, identity(experiment, data=data, rehearsal=False, seed=0))
    optimizer, statistics = experiment.optimizer.transformation(), trained.variables["statistics"]
    shapes = jax.eval_shape(lambda: create_for(experiment, optimizer, seed=0, statistics=statistics))
    state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    params, stats = trained.variables["params"], trained.variables["batch_stats"]
    state = dataclasses.replace(state, params=params, batch_stats=stats, statistics=statistics)
    state = dataclasses.replace(state, step=jnp.asarray(trained.step, jnp.int32))
    checkpoints = Checkpoints(workdir)
    checkpoints.save(state, trained.step, {"class_names": trained.class_names, "experiment": to_json(experiment)})
    checkpoints.wait()
    checkpoints.close()
    return workdir
