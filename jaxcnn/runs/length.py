"""A run's length in steps."""

import dataclasses
import math

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import UsageError


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
        """Steps between two log lines: 20 an epoch, or 100 in a run of less than five epochs."""
        return min(max(min(self.steps_per_epoch // 20, self.planned // 100), 1), 500)
