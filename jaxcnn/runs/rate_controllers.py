"""What changes the rate during a run: the end of the warm-up, and the plateau controller.

Both decide on the host, between steps, from logged errors; their decisions are part of the train state.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.optim.plateau import observe
from jaxcnn.training.state import TrainState


class Controllers:
    """The experiment's warm-up and plateau controller, if any."""

    def __init__(
        self,
        experiment: Experiment,
        *,
        replicate: Callable[[Any], Any],
        write: Callable[..., None],
        train_means: Callable[..., dict[str, float]],
        say: Callable[[str], None],
    ) -> None:
        """replicate: puts a small tree on all devices. write, train_means: the record's. say: shows a line."""
        self._warmup, self._plateau = experiment.warmup, experiment.plateau
        self._replicate, self._write, self._train_means, self._say = replicate, write, train_means, say

    def after_window(self, state: TrainState, step: int, error: float) -> TrainState:
        """Ends the warm-up as soon as the training error since the last log, in percent, is low enough."""
        warmup = self._warmup
        if warmup is None or error >= warmup.until_error or float(jax.device_get(state.warmup["factor"])) == 1.0:
            return state
        self._write(step, "warmup", top1_error=error)
        self._say(f"step {step:,}: training error {error:.2f} %; the warm-up is over")
        full = {"factor": np.ones((), np.float32)}
        return dataclasses.replace(state, warmup=self._replicate(full))

    def after_evaluation(self, state: TrainState, step: int, error: float, *, since: int) -> TrainState:
        """Lowers the rate if the error (of the test in percent, or of training since step `since`) has stalled."""
        plateau = self._plateau
        if plateau is None:
            return state
        if plateau.watch == "training":
            means = self._train_means(since=since)
            if not means:
                return state
            error = means["top1_error"]
        before, observed = float(jax.device_get(state.plateau.scale)), observe(plateau, state.plateau, error)
        if float(observed.scale) != before:
            self._write(step, "plateau", scale=float(observed.scale))
            self._say(f"step {step:,}: no better for a while; rate × {float(observed.scale):g}")
        return dataclasses.replace(state, plateau=self._replicate(observed))
