"""What a run needs to know before it can start: the data it really trains on, and its length in steps."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxcnn.data.choose import Choice
from jaxcnn.errors import UsageError
from jaxcnn.experiment import Experiment, load, names, variants
from jaxcnn.overrides import LENGTHS, apply_changes, different_paths, field_types, parse_settings, value_at

LARGE = 256  # pixels that are enough for every network that takes pictures of any size


def resolve(experiment: Experiment, choice: Choice, settings: Sequence[str], num_classes: int) -> Experiment:
    """The experiment as it runs on the chosen data.

    A rehearsal's overrides come first; what the user changed in Python stays as it is; `settings` come last. All are
    applied before the result is checked, so their order doesn't matter.

    Raises:
      UsageError: a setting is wrong, or the network can't tell apart what the data holds.
    """
    chosen = chosen_paths(experiment)
    changes: list[tuple[str, Any]] = []
    if choice.rehearsal and experiment.rehearsal is not None:
        for path, value in experiment.rehearsal.overrides.items():
            if any(_covers(theirs, path) for theirs in chosen):
                continue
            changes.append((path, value))
            changes += [(theirs, value_at(experiment, theirs)) for theirs in chosen if _covers(path, theirs)]
    counts_classes = "num_classes" in field_types(experiment.model)
    if counts_classes and not any(_covers(theirs, "model.num_classes") for theirs in chosen):
        changes.append(("model.num_classes", num_classes))
    experiment = apply_changes(experiment, [*changes, *parse_settings(settings)])
    asked = getattr(experiment.model, "num_classes", num_classes)
    if asked < num_classes:
        raise UsageError(f"model.num_classes (={asked}) must be at least {num_classes}, the classes of {choice.name}.")
    check_network(experiment, f"{experiment.title} on {choice.name}")
    return experiment


def chosen_paths(experiment: Experiment) -> list[str]:
    """Paths of the fields that the user changed in Python, by `override` or otherwise, from what the file has."""
    paths = dict.fromkeys(experiment.chosen)
    if experiment.name in names() and experiment.variant in variants(experiment.name):
        paths |= dict.fromkeys(different_paths(experiment, load(experiment.title)))
    return list(paths)


def _covers(path: str, other: str) -> bool:
    """Whether setting `path` decides what `other` is: the same field, one that it is part of, or the other length."""
    return other == path or other.startswith(f"{path}.") or (path in LENGTHS and other in LENGTHS)


def check_network(experiment: Experiment, what: str) -> None:
    """Raises UsageError, a line that begins with `what`, where the network can't be made for its input."""
    error = _failure(experiment)
    if error is None:
        return
    size = experiment.inputs.size
    larger = dataclasses.replace(experiment.inputs, size=LARGE, stored_size=LARGE)
    if size < LARGE and _failure(dataclasses.replace(experiment, inputs=larger)) is None:
        raise UsageError(f"{what}: inputs.size (={size}) is too small for the network; set a larger one.") from error
    raise UsageError(f"{what}: {str(error).splitlines()[0]}") from error


def _failure(experiment: Experiment) -> Exception | None:
    try:
        jax.eval_shape(lambda: init(experiment.model, experiment))
    except (ValueError, TypeError, ZeroDivisionError) as error:
        return error
    return None


def init(model: nn.Module, experiment: Experiment, seed: int = 0):
    """The model's variables for the experiment's input."""
    inputs = experiment.inputs
    images = jnp.zeros((1, inputs.size, inputs.size, inputs.channels))
    return model.init(jax.random.key(seed), images, train=False)


@dataclasses.dataclass(frozen=True)
class Length:
    """A run's length in steps. The schedule's shape follows `planned`; the run ends at `stop`."""

    steps_per_epoch: int
    planned: int
    stop: int

    @classmethod
    def of(
        cls, experiment: Experiment, examples: int, *, steps: int | None = None, epochs: float | None = None
    ) -> "Length":
        """examples: the size of the training set. steps, epochs: where to stop instead of at the paper's end."""
        per_epoch = max(examples // experiment.batch_size, 1)
        planned = experiment.steps or math.ceil((experiment.epochs or 0) * per_epoch)
        stop = planned if epochs is None else math.ceil(epochs * per_epoch)
        stop = stop if steps is None else steps
        if stop <= 0:
            raise UsageError(f"the run must have at least one step; it was told to have {stop}.")
        return cls(per_epoch, planned, stop)

    def evaluation_interval(self, experiment: Experiment) -> int:
        return max(round(experiment.evaluate_every * self.steps_per_epoch), 1)

    def checkpoint_interval(self, experiment: Experiment) -> int:
        return experiment.checkpoint_every or min(self.steps_per_epoch, 1000)

    def log_interval(self) -> int:
        return min(max(self.steps_per_epoch // 20, 1), 500)
