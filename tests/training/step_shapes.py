"""Train steps of experiments, compiled for shapes alone and never run."""

from typing import Any

import jax
import jax.numpy as jnp
from train_steps import train_step

from jaxcnn.config.experiment import Experiment
from jaxcnn.parallel.devices import Devices
from jaxcnn.training import state as train_state


def state_shapes(experiment: Experiment) -> train_state.TrainState:
    optimizer = experiment.optimizer.transformation()
    statistics = train_state.zero_statistics(experiment.inputs)
    return jax.eval_shape(lambda: train_state.create_for(experiment, optimizer, seed=0, statistics=statistics))


def compiled_step(experiment: Experiment, devices: Devices) -> Any:
    """The step for the experiment's batch, streamed from the host."""
    inputs, rows = experiment.inputs, experiment.batch_size
    step = train_step(experiment, devices)
    leading = (rows,) if devices.mode == "jit" else (len(devices.devices), rows // len(devices.devices))
    shape = (*leading, inputs.training_size, inputs.training_size, inputs.channels)
    batch = {"image": jax.ShapeDtypeStruct(shape, jnp.uint8), "label": jax.ShapeDtypeStruct(leading, jnp.int32)}
    return devices.compile(step, state_shapes(experiment), batch, save_memory=experiment.saves_memory)
