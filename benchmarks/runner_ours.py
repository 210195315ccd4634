"""Our steps, as `launch.py` compiles and runs them on one device."""

import dataclasses
import os
from functools import partial
from typing import Any

import jax
import numpy as np

from benchmarks.timing import Clock, Runner
from benchmarks.workload import BATCHES, Workload, draw
from benchmarks.workloads import experiment_of
from jaxcnn.config.experiment import Experiment
from jaxcnn.evaluation.crops import center, ten_crop
from jaxcnn.models.kernels.backend import KERNELS, without_kernels
from jaxcnn.parallel.devices import Devices
from jaxcnn.runtime.xla_flags import CURE
from jaxcnn.training import state as train_state
from jaxcnn.training.metrics import divide
from jaxcnn.training.steps import make_evaluation_step, make_train_step

CROPS = {"evaluation": center, "ten_crop": ten_crop}


def as_without_jaxcnn() -> None:
    """Takes back the flag that importing jaxcnn sets, so that plain Flax beside us has JAX's defaults.

    To be called before the first device is touched. Our own steps are compiled with options of their own.
    """
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "").replace(CURE, "").strip()


def ours(task: Workload, job: str, clock: Clock) -> Runner:
    """From uint8 pictures that are on the device."""
    experiment, devices = experiment_of(task), Devices(devices=jax.devices()[:1])
    if job != "train":
        return _evaluation(task, job, clock, experiment, devices)
    optimizer = experiment.optimizer.transformation()
    schedule = experiment.schedule.build(steps_per_epoch=1, total_steps=1)
    step = make_train_step(experiment, optimizer=optimizer, schedule=schedule, axis_name=None)
    batches = [devices.shard_batch(batch) for batch in task.batches(job)]
    shapes = jax.eval_shape(partial(train_state.create_for, experiment, optimizer, seed=0))
    fresh = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    plateau = dataclasses.replace(fresh.plateau, scale=np.ones((), np.float32))
    state = devices.place(dataclasses.replace(fresh, plateau=plateau, **_drawn(experiment, shapes)))
    began = clock()
    compiled = devices.compile(step, state, batches[0])
    seconds = clock() - began

    def run(number: int) -> None:
        nonlocal state
        state, _ = jax.block_until_ready(compiled(state, batches[number % BATCHES]))

    def loss(number: int) -> float:
        before = jax.device_get(state.sums)
        run(number)
        return divide(jax.tree.map(np.subtract, jax.device_get(state.sums), before))["loss"]

    return Runner(seconds, run, loss)


def ours_without(kernel: str, task: Workload, job: str, clock: Clock) -> Runner:
    """The same, compiled without one kernel, or without "all"."""
    with without_kernels(*(each for each in KERNELS if kernel in (each, "all"))):
        return ours(task, job, clock)


def _drawn(experiment: Experiment, shapes: train_state.TrainState) -> dict[str, Any]:
    """{"params", "batch_stats"} with the values that everybody has."""

    def leaf(path: Any, shape: Any) -> np.ndarray:
        collection, *layer, name = (key.key for key in path)
        return draw((collection, ".".join(layer), name), shape.shape)

    return jax.tree.map_with_path(leaf, {"params": shapes.params, "batch_stats": shapes.batch_stats})


def _evaluation(task: Workload, job: str, clock: Clock, experiment: Experiment, devices: Devices) -> Runner:
    optimizer = experiment.optimizer.transformation()
    shapes = jax.eval_shape(partial(train_state.create_for, experiment, optimizer, seed=0))
    variables = devices.place(_drawn(experiment, shapes) | {"statistics": {}})
    mask = np.ones(task.batch_size, np.float32)
    batches = [devices.shard_rows(batch | {"mask": mask}) for batch in task.batches(job)]
    began = clock()
    step = make_evaluation_step(experiment, CROPS[job])
    compiled = devices.compile_evaluation(step, variables, batches[0], sums_and_rows=True)
    seconds = clock() - began

    def run(number: int) -> Any:
        return jax.block_until_ready(compiled(variables, batches[number % BATCHES]))

    return Runner(seconds, run, lambda number: divide(run(number)[0])["loss"])
