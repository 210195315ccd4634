"""The programs that a run consists of, compiled from shapes: nothing is allocated and nothing run."""

import sys
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.analysis.memory import memory_plan
from jaxcnn.analysis.operations import count_operations
from jaxcnn.config.experiment import Experiment
from jaxcnn.evaluation.crops import center
from jaxcnn.parallel.compilation import compile_step
from jaxcnn.parallel.devices import Devices
from jaxcnn.runs.length import Length
from jaxcnn.training import state as train_state
from jaxcnn.training.curvature import curvature_samples, make_refresh_step
from jaxcnn.training.steps import make_evaluation_step, make_train_step, on_resident


class Program:
    """The programs of a run and the shapes of what they take, as `runs.run` and `training.feed` make them.

    Args:
      images: in the training set and in the test set.
      on_device: whether the training set is kept on the device.

    Raises:
      MemoryError: no machine could address a batch.
    """

    def __init__(
        self, experiment: Experiment, devices: Devices, length: Length, *, images: tuple[int, int], on_device: bool
    ) -> None:
        self._experiment, self._devices, self._on_device = experiment, devices, on_device
        if experiment.batch_size * experiment.inputs.training_size**2 > sys.maxsize:
            raise MemoryError(f"array is too big: {experiment.batch_size} images")  # XLA's own errors don't say so
        self._images, self._test_images = images
        self._optimizer = experiment.optimizer.transformation()
        self._schedule = experiment.schedule.build(steps_per_epoch=length.steps_per_epoch, total_steps=length.planned)
        statistics = train_state.zero_statistics(experiment.inputs)
        self.state = jax.eval_shape(self._create, statistics)

    def _create(self, statistics: Any) -> train_state.TrainState:
        return train_state.create_for(self._experiment, self._optimizer, seed=0, statistics=statistics)

    def state_of_a_device(self) -> train_state.TrainState:
        """The shapes of what one device holds of the state: of a divided parameter its own part."""

        def part(leaf: Any, sharding: Any) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(sharding.shard_shape(leaf.shape), leaf.dtype)

        return jax.tree.map(part, self.state, self._devices.placement(self.state))

    def examples(self, rows: int) -> dict[str, jax.ShapeDtypeStruct]:
        """Shapes of so many training images, as the host hands them over."""
        inputs = self._experiment.inputs
        shape = (rows, inputs.training_size, inputs.training_size, inputs.channels)
        return {"image": jax.ShapeDtypeStruct(shape, jnp.uint8), "label": jax.ShapeDtypeStruct((rows,), jnp.int32)}

    def batch(self) -> Any:
        """What a step takes from the host: images, or places in the data set on the device."""
        rows = self._experiment.batch_size
        return jax.ShapeDtypeStruct((rows,), jnp.int32) if self._on_device else self.examples(rows)

    def resident(self) -> tuple[Any, ...]:
        return (self.examples(self._images),) if self._on_device else ()

    def step(self, axis_name: str | None) -> Any:
        """The train step, not compiled; axis_name: of the devices under `pmap`."""
        step = make_train_step(
            self._experiment, optimizer=self._optimizer, schedule=self._schedule, axis_name=axis_name
        )
        return on_resident(step) if self._on_device else step

    def compile(self) -> jax.stages.Compiled:
        """The step, compiled for the run's devices."""
        batch = self.batch()
        if self._devices.mode == "pmap":
            count = self._devices.batch_parts
            batch = jax.tree.map(
                lambda x: jax.ShapeDtypeStruct((count, x.shape[0] // count, *x.shape[1:]), x.dtype), batch
            )
        step = self.step(self._devices.axis_name)
        save_memory = self._experiment.saves_memory
        return self._devices.compile(step, self.state, batch, *self.resident(), save_memory=save_memory)

    def compile_creation(self) -> jax.stages.Compiled:
        """What makes a run's state of the data set's statistics."""
        statistics = train_state.zero_statistics(self._experiment.inputs)
        created = jax.jit(self._create, out_shardings=self._devices.placement(self.state)).lower(statistics)
        return compile_step(created, self._devices.platform, runs_once=True)

    def compile_others(self) -> int:
        """Compiles what else a run does, since that takes memory; bytes of temporary values of a test batch."""
        experiment, devices = self._experiment, self._devices
        self.compile_creation()
        samples = curvature_samples(experiment)
        if samples:
            refreshed = jax.jit(make_refresh_step(experiment), out_shardings=devices.replicated, donate_argnums=0)
            compile_step(refreshed.lower(self.state, self.examples(samples)), devices.platform)
        inputs, count = experiment.inputs, devices.batch_parts
        wanted = experiment.evaluation_batch_size or max(experiment.batch_size, 100)
        rows = -(-min(wanted, self._test_images) // count) * count
        shape = (rows, inputs.stored_size, inputs.stored_size, inputs.channels)
        batch = {
            "image": jax.ShapeDtypeStruct(shape, jnp.uint8),
            "label": jax.ShapeDtypeStruct((rows,), jnp.int32),
            "mask": jax.ShapeDtypeStruct((rows,), jnp.float32),
        }
        step = make_evaluation_step(experiment, center)
        evaluation = devices.compile_evaluation(step, train_state.evaluation_variables(self.state), batch)
        return memory_plan(evaluation).temp_size_in_bytes

    def operations(self) -> int:
        """Floating-point operations of one step, on all devices together."""
        return count_operations(self.step(None), self.state, self.batch(), *self.resident())
