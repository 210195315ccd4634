"""The programs that training consists of, and the shapes of what they take.

A run executes them, `bench` times them, and `--dry-run` reads them. Until one is called nothing is allocated.
"""

import functools
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Compiled

from jaxcnn.config.experiment import Experiment
from jaxcnn.parallel.compilation import compile_step
from jaxcnn.parallel.devices import Devices
from jaxcnn.training import state as train_state
from jaxcnn.training.curvature import make_refresh_step
from jaxcnn.training.steps import make_train_step, on_resident

Shapes = Any  # a tree of jax.ShapeDtypeStruct


class Program:
    """The programs of an experiment on these devices.

    Args:
      experiment: as the run resolved it.
      devices: what the programs are compiled for.
      steps_per_epoch, total_steps: the schedule's length.
      images: number of images in the training set.
      on_device: whether the training set is kept on the devices as a whole.

    Attributes:
      optimizer: the experiment's gradient transformation.
      state: the shapes of a run's state.

    Raises:
      MemoryError: a batch exceeds the address space.
    """

    def __init__(
        self,
        experiment: Experiment,
        devices: Devices,
        *,
        steps_per_epoch: int,
        total_steps: int,
        images: int,
        on_device: bool,
    ) -> None:
        if experiment.batch_size * experiment.inputs.training_size**2 > sys.maxsize:
            raise MemoryError(f"array is too big: {experiment.batch_size} images")  # XLA's own errors don't say so
        self._experiment, self._devices = experiment, devices
        self._images, self._on_device = images, on_device
        self.optimizer = experiment.optimizer.transformation()
        self._schedule = experiment.schedule.build(steps_per_epoch=steps_per_epoch, total_steps=total_steps)
        self.state = jax.eval_shape(self._create, *self._arguments_of_create())

    def _create(self, seed: Any, statistics: Any) -> train_state.TrainState:
        return train_state.create_for(self._experiment, self.optimizer, seed=seed, statistics=statistics)

    def _arguments_of_create(self) -> tuple[Shapes, Shapes]:
        statistics = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, self.zero_statistics))
        return jax.ShapeDtypeStruct((), jnp.uint32), statistics

    @functools.cached_property
    def zero_statistics(self) -> dict[str, np.ndarray]:
        """Zeros in place of the training set's statistics (`state.zero_statistics`)."""
        return train_state.zero_statistics(self._experiment.inputs)

    @property
    def placement(self) -> Any:
        """How the state is laid out over the devices: a sharding for each leaf."""
        return self._devices.placement(self.state)

    def examples(self, rows: int) -> dict[str, jax.ShapeDtypeStruct]:
        """The shapes of `rows` training images and labels, as they come from the host."""
        inputs = self._experiment.inputs
        shape = (rows, inputs.training_size, inputs.training_size, inputs.channels)
        return {"image": jax.ShapeDtypeStruct(shape, jnp.uint8), "label": jax.ShapeDtypeStruct((rows,), jnp.int32)}

    def batch(self) -> Shapes:
        """The shapes of a step's batch: images and labels, or indices into the training set on the devices."""
        rows = self._experiment.batch_size
        return jax.ShapeDtypeStruct((rows,), jnp.int32) if self._on_device else self.examples(rows)

    def resident(self) -> tuple[Shapes, ...]:
        """The shapes of a step's arguments after its batch: the training set, if it is kept on the devices."""
        return (self.examples(self._images),) if self._on_device else ()

    def step(self, axis_name: str | None) -> Callable:
        """The train step before compilation; axis_name: of the devices under `pmap`."""
        step = make_train_step(self._experiment, optimizer=self.optimizer, schedule=self._schedule, axis_name=axis_name)
        return on_resident(step) if self._on_device else step

    def compile_step(self) -> Compiled:
        """`step(state, batch, *resident) -> (state, rate)` for the devices; the state is donated."""
        batch = self.batch()
        if self._devices.mode == "pmap":
            count = self._devices.batch_parts
            batch = jax.tree.map(
                lambda x: jax.ShapeDtypeStruct((count, x.shape[0] // count, *x.shape[1:]), x.dtype), batch
            )
        step, save_memory = self.step(self._devices.axis_name), self._experiment.saves_memory
        return self._devices.compile(step, self.state, batch, *self.resident(), save_memory=save_memory)

    def init_optimizer(self, params: Any, batch_stats: Any) -> Any:
        """The optimizer's first state for these parameters."""
        variables = {"params": params, "batch_stats": batch_stats}
        return train_state.init_optimizer(self.optimizer, variables, self._experiment.train_only)

    def lower_creation(self) -> Callable[[], Compiled]:
        """Traces `create(seed: uint32 [], statistics) -> state`; calling the result compiles it, on any thread."""
        jitted = jax.jit(self._create, out_shardings=self.placement)
        lowered = self._devices.lower(jitted, *self._arguments_of_create())
        return functools.partial(compile_step, lowered, self._devices.platform, runs_once=True)

    def compile_curvature(self, sample: Any) -> Compiled:
        """`refresh(state, sample) -> (state,)` for optimizers that estimate curvature; sample: images, or shapes."""
        refresh = make_refresh_step(self._experiment)
        jitted = jax.jit(refresh, out_shardings=self._devices.replicated, donate_argnums=0)
        return compile_step(self._devices.lower(jitted, self.state, sample), self._devices.platform)

    def state_of_a_device(self) -> Shapes:
        """The shapes of the state's arrays on one device; of a divided parameter, its part."""

        def part(leaf: Any, sharding: Any) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(sharding.shard_shape(leaf.shape), leaf.dtype)

        return jax.tree.map(part, self.state, self.placement)
