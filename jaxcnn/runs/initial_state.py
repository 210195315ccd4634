"""The state that a run begins with: its newest checkpoint's, or fresh weights, or those of another run."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxcnn.augmentation.whitening import zca_whitening
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs
from jaxcnn.data.loading.mean_image import mean_image
from jaxcnn.data.sources import Source
from jaxcnn.parallel import coordination
from jaxcnn.parallel.compilation import compile_step
from jaxcnn.parallel.devices import Devices
from jaxcnn.runs.checkpoints import Checkpoints
from jaxcnn.runs.warm_start import InitialWeights
from jaxcnn.training import state as train_state
from jaxcnn.training.state import TrainState


def first_state(
    experiment: Experiment,
    optimizer: optax.GradientTransformation,
    devices: Devices,
    checkpoints: Checkpoints,
    source: Source,
    *,
    seed: int,
    progress: Callable[..., Any],
    initial: InitialWeights | None = None,
) -> tuple[TrainState, dict[str, Any] | None]:
    """The state, laid out over the devices, and the checkpoint's record where it is from one.

    Args:
      source: of training pictures; their statistics are computed where they aren't there yet, which `progress` shows.
      initial: what a run without a checkpoint takes of another one's network.

    Raises:
      JaxcnnError: the newest checkpoint is damaged.
    """
    inputs = experiment.inputs
    resuming = checkpoints.latest_step() is not None
    statistics: dict[str, Any] = train_state.zero_statistics(inputs)
    if initial is not None and initial.statistics is not None:
        statistics = initial.statistics
    elif not resuming:  # process 0 leaves them beside the data
        statistics = coordination.in_turn(lambda: picture_statistics(inputs, source, progress))
    create = partial(train_state.create_for, experiment, optimizer, seed=seed)
    like = jax.eval_shape(lambda: create(statistics=statistics))
    placement = devices.placement(like)
    if resuming:
        return checkpoints.restore(like, placement)
    jitted = jax.jit(lambda statistics: create(statistics=statistics), out_shardings=placement)
    state = compile_step(devices.lower(jitted, statistics), devices.platform, runs_once=True)(statistics)
    return (state if initial is None else begun_with(initial, state, optimizer, devices)), None


def begun_with(
    initial: InitialWeights, state: TrainState, optimizer: optax.GradientTransformation, devices: Devices
) -> TrainState:
    """The state with another run's layers in the place of its own; their optimiser begins anew."""
    params = {**state.params, **initial.params}
    begin = jax.jit(optimizer.init, out_shardings=devices.placement(state.opt_state))
    return dataclasses.replace(
        state,
        params=params,
        batch_stats={**state.batch_stats, **initial.batch_stats},
        opt_state=compile_step(devices.lower(begin, params), devices.platform, runs_once=True)(params),
        average=jax.tree.map(jnp.copy, params) if state.average else {},  # copies: a step is given both to keep
    )


def picture_statistics(inputs: Inputs, source: Source, progress: Callable[..., Any]) -> dict[str, np.ndarray]:
    """What the experiment's inputs take from all training pictures together."""
    compute: dict[str, Any] = {"size": inputs.stored_size, "channels": inputs.channels, "progress": progress}
    if inputs.whitening is not None:
        return zca_whitening(source, **dataclasses.asdict(inputs.whitening), **compute)
    return {"mean": mean_image(source, **compute)} if inputs.mean == "picture" else {}
