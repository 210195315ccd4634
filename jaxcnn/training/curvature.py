"""The estimate of curvature before each pass, which LeNet-5's optimizer needs."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from jaxcnn.augmentation.augment import normalise
from jaxcnn.config.experiment import Experiment
from jaxcnn.optim.levenberg_marquardt import diagonal_curvature, refresh
from jaxcnn.optim.optimizers import LevenbergMarquardt
from jaxcnn.training.layers import merged, part, trained_layers
from jaxcnn.training.network import in_precision
from jaxcnn.training.state import TrainState, variables_of


def curvature_samples(experiment: Experiment) -> int:
    """How many training images are wanted before each pass; 0 for optimizers without curvature."""
    optimizer = experiment.optimizer
    return optimizer.samples if isinstance(optimizer, LevenbergMarquardt) else 0


def make_refresh_step(experiment: Experiment) -> Callable[[TrainState, Any], tuple[TrainState]]:
    """`refresh_step(state, batch) -> (state,)` with the curvature of this batch in the optimizer's state."""
    model = in_precision(experiment)

    def refresh_step(state: TrainState, batch: dict[str, jax.Array]) -> tuple[TrainState]:
        def features(trained: Any, images: jax.Array) -> Any:
            params = merged(state.params, trained)
            return model.apply({"params": params}, images, curvature=True, method="features")

        images = normalise(batch["image"], experiment.inputs, state.statistics)
        trained = part(state.params, trained_layers(experiment.train_only, variables_of(state)))
        curvature = diagonal_curvature(features, trained, images)
        return (dataclasses.replace(state, opt_state=refresh(state.opt_state, curvature)),)

    return refresh_step
