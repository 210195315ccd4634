"""What a run needs to know before it can start: the data it really trains on, and its length in steps."""

import dataclasses
import math
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxcnn.data.choose import Choice
from jaxcnn.errors import UsageError
from jaxcnn.experiment import Experiment
from jaxcnn.overrides import override, set_path

LARGE = 256  # pixels that are enough for every network that takes pictures of any size


def resolve(experiment: Experiment, choice: Choice, settings: Sequence[str], num_classes: int) -> Experiment:
    """The experiment as it runs on the chosen data: a rehearsal's overrides first, the user's settings last.

    Raises:
      UsageError: a setting is wrong, or the network can't tell apart what the data holds.
    """
    if choice.rehearsal and experiment.rehearsal is not None:
        for path, value in experiment.rehearsal.overrides.items():
            experiment = set_path(experiment, path, value)
    experiment = set_path(experiment, "model.num_classes", num_classes)
    experiment = override(experiment, *settings)
    asked = getattr(experiment.model, "num_classes", num_classes)
    if asked < num_classes:
        raise UsageError(f"model.num_classes (={asked}) must be at least {num_classes}, the classes of {choice.name}.")
    check_network(experiment, f"{experiment.title} on {choice.name}")
    return experiment


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
        """Steps between two log lines: 20 an epoch, or 100 in a run of less than five epochs, so that one is early."""
        return min(max(min(self.steps_per_epoch // 20, self.planned // 100), 1), 500)
