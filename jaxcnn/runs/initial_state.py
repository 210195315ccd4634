"""The state of a run without a checkpoint: fresh weights, or those of another run."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Compiled

from jaxcnn.augmentation.whitening import zca_whitening
from jaxcnn.config.inputs import Inputs
from jaxcnn.data.loading.mean_image import mean_image
from jaxcnn.data.sources import Source
from jaxcnn.parallel import coordination
from jaxcnn.parallel.compilation import compile_step
from jaxcnn.parallel.devices import Devices
from jaxcnn.runs.warm_start import InitialWeights
from jaxcnn.training.layers import merged
from jaxcnn.training.program import Program
from jaxcnn.training.state import TrainState


def create_state(
    program: Program,
    creation: Future[Compiled],
    seed: int,
    statistics: dict[str, Any],
    devices: Devices,
    initial: InitialWeights | None = None,
) -> TrainState:
    """A state, laid out over the devices.

    Args:
      program: of the run.
      creation: its `lower_creation`, compiled or being compiled.
      seed: of the initial values, and of everything random after them.
      statistics: of the training images (`image_statistics`).
      devices: of the run.
      initial: layers of another run's network, which replace this one's.
    """
    state = creation.result()(np.uint32(seed), statistics)
    if initial is None:
        return state
    params, batch_stats = merged(state.params, initial.params), merged(state.batch_stats, initial.batch_stats)
    begin = jax.jit(program.init_optimizer, out_shardings=devices.placement(state.opt_state))
    lowered = devices.lower(begin, params, batch_stats)
    return dataclasses.replace(
        state,
        params=params,
        batch_stats=batch_stats,
        opt_state=compile_step(lowered, devices.platform, runs_once=True)(params, batch_stats),
        average=jax.tree.map(jnp.copy, params) if state.average else {},  # copies, as a step donates both
    )


def image_statistics(
    inputs: Inputs, source: Source, initial: InitialWeights | None = None, *, progress: Callable[..., Any]
) -> dict[str, Any]:
    """What the experiment's inputs take from all training images together, or from another run's network.

    They are computed unless they are stored already, and `progress` shows it; the first process stores them beside the
    data.
    """
    if initial is not None and initial.statistics is not None:
        return initial.statistics
    return coordination.in_turn(lambda: _of_the_training_set(inputs, source, progress))


def _of_the_training_set(inputs: Inputs, source: Source, progress: Callable[..., Any]) -> dict[str, np.ndarray]:
    compute: dict[str, Any] = {"size": inputs.stored_size, "channels": inputs.channels, "resize": inputs.resize}
    compute["progress"] = progress
    if inputs.whitening is not None:
        return zca_whitening(source, **dataclasses.asdict(inputs.whitening), **compute)
    return {"mean": mean_image(source, **compute)} if inputs.mean == "picture" else {}
