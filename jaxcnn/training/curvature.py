"""The estimate of curvature before each pass that LeNet-5's optimizer lives on."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from jaxcnn.experiment import Experiment
from jaxcnn.training.augment import normalise
from jaxcnn.training.levenberg_marquardt import diagonal_curvature, refresh
from jaxcnn.training.optimizers import LevenbergMarquardt
from jaxcnn.training.state import TrainState
from jaxcnn.training.steps import precise


def curvature_samples(experiment: Experiment) -> int:
    """How many training pictures an estimate wants; 0 for optimizers without curvature."""
    optimizer = experiment.optimizer
    return optimizer.samples if isinstance(optimizer, LevenbergMarquardt) else 0


def wants_curvature(experiment: Experiment, step: int, steps_per_epoch: int) -> bool:
    """Whether the curvature is estimated anew before this step: at the start of a pass, and often in the first."""
    optimizer = experiment.optimizer
    if not isinstance(optimizer, LevenbergMarquardt):
        return False
    # An interval that doesn't divide the pass ends in a shorter one.
    interval = max(steps_per_epoch // optimizer.first_pass_estimates, 1)
    return step % (interval if step < steps_per_epoch else steps_per_epoch) == 0


def make_refresh_step(experiment: Experiment) -> Callable[[TrainState, Any], tuple[TrainState]]:
    """`refresh_step(state, batch) -> (state,)` with the curvature of this batch in the optimizer's state."""
    model = precise(experiment)

    def features(params: Any, images: jax.Array) -> Any:
        return model.apply({"params": params}, images, curvature=True, method="features")

    def refresh_step(state: TrainState, batch: dict[str, jax.Array]) -> tuple[TrainState]:
        images = normalise(batch["image"], experiment.inputs, state.statistics)
        curvature = diagonal_curvature(features, state.params, images)
        return (dataclasses.replace(state, opt_state=refresh(state.opt_state, curvature)),)

    return refresh_step
