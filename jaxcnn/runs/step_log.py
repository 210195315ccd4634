"""Reports on a run's steps: events in the record, the note beside the progress bar, and losses that aren't finite."""

import math
from collections.abc import Callable
from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.data.loading.pipeline import default_threads
from jaxcnn.errors import RunStoppedError
from jaxcnn.optim.schedules import how_to_lower
from jaxcnn.runs.length import Length
from jaxcnn.training.step_times import StepTimes, is_data_bound, shares, what_to_change


class StepLog:
    """Writes training metrics and progress messages.

    Args:
      write: adds an event (step, name, numbers) to the record.
      say: shows a message.
      streams: whether images come from the host during training; long waits for them are then reported.
      saved: the step of the newest checkpoint, or None.
    """

    def __init__(
        self,
        experiment: Experiment,
        length: Length,
        *,
        write: Callable[..., Any],
        say: Callable[[str], Any],
        streams: bool,
        saved: Callable[[], int | None],
    ) -> None:
        self._experiment, self._length = experiment, length
        self._write, self._say, self._saved = write, say, saved
        self._watches_waiting = streams
        self.times = StepTimes()
        self.note = ""

    def check_finite(self, step: int, loss: float) -> None:
        """Raises RunStoppedError where the loss is not finite; the newest checkpoint is from before."""
        if math.isfinite(loss):
            return
        saved = self._saved()
        kept = f"the checkpoint of step {saved:,} is kept" if saved else "nothing was saved yet"
        self._write(step, "stopped", loss=loss)
        raise RunStoppedError(
            f"the loss is not finite (={loss}) near step {step:,}; {kept}. "
            f"Lower the rate ({how_to_lower(self._experiment.schedule)}) and use another --workdir."
        )

    def window(self, step: int, rate: float, means: dict[str, float], *, early: bool) -> None:
        """Logs the steps since the last log line; `early` marks a stop within a window."""
        split = self.times.split(step)
        self.times.restart(step)
        speed = 1000 * self._experiment.batch_size / split["step_ms"]
        epoch = step / self._length.steps_per_epoch
        numbers: dict[str, Any] = {"epoch": epoch, "rate": rate, "images_per_second": speed, **means, **split}
        self._write(step, "train", **numbers, **({"early": True} if early else {}))
        self.note = (
            f"epoch {epoch:.2f}  loss {means['loss']:.4f}  error {means['top1_error']:.2f} %  "
            f"rate {rate:.2g}  {speed:,.0f} images/s  ({shares(split)})"
        )
        if self._watches_waiting and is_data_bound(split):  # reported once
            self._watches_waiting = False
            self._write(step, "data_bound", **split)
            self._say(f"step {step:,}: {what_to_change(split, default_threads())}")

    def evaluation(self, step: int, metrics: dict[str, Any]) -> None:
        """Logs an evaluation on the test set."""
        self._write(step, "evaluation", epoch=step / self._length.steps_per_epoch, **metrics)
        self._say(
            f"step {step:,}: test error {metrics['top1_error']:.2f} % (top-5 {metrics['top5_error']:.2f} %) "
            f"of {metrics['count']:,}, loss {metrics['loss']:.4f}"
        )
        self.times.restart(step)
