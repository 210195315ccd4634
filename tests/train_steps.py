"""Train steps outside of a run, for tests that compare what a step computes."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.parallel.devices import Devices
from jaxcnn.training import state as train_state
from jaxcnn.training.steps import make_train_step


def fresh_state(experiment: Experiment, devices: Devices, statistics: Any = None) -> train_state.TrainState:
    """A state on all devices. statistics: as in `train_state.create`; by default a mean image is grey."""
    inputs, optimizer = experiment.inputs, experiment.optimizer.transformation()
    if statistics is None and inputs.mean == "picture":
        statistics = {"mean": np.full((inputs.stored_size, inputs.stored_size, inputs.channels), 120.0, np.float32)}
    create = jax.jit(lambda: train_state.create_for(experiment, optimizer, seed=3, statistics=statistics))
    return devices.replicate(jax.device_get(create()))


def train_step(experiment: Experiment, devices: Devices) -> Callable:
    """The experiment's step, not compiled yet; its schedule is that of 100 steps, ten an epoch."""
    return make_train_step(
        experiment,
        optimizer=experiment.optimizer.transformation(),
        schedule=experiment.schedule.build(steps_per_epoch=10, total_steps=100),
        axis_name=devices.axis_name,
    )
