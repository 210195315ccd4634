"""One run: its parts, its state, and what happens around each step."""

import dataclasses
import itertools
import time
from functools import partial
from typing import Any

import jax
from jax.stages import Compiled

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import RunInterruptedError
from jaxcnn.evaluation.evaluator import Evaluator
from jaxcnn.evaluation.image_results import ImageResults
from jaxcnn.parallel.devices import Devices
from jaxcnn.reporting.progress import Display
from jaxcnn.reporting.record import Record
from jaxcnn.runs.checkpoints import Checkpoints
from jaxcnn.runs.damaged_images import DamagedImages
from jaxcnn.runs.interrupt import Interrupts, SharedInterrupts
from jaxcnn.runs.length import Length
from jaxcnn.runs.profiler import StepTrace
from jaxcnn.runs.rate_controllers import Controllers
from jaxcnn.runs.step_log import StepLog
from jaxcnn.training import state as train_state
from jaxcnn.training.curvature import curvature_samples
from jaxcnn.training.feed import Feed
from jaxcnn.training.metrics import divide, zero_sums
from jaxcnn.training.program import Program
from jaxcnn.training.state import TrainState


@dataclasses.dataclass(kw_only=True)
class Run:
    """A run between two steps; `begin.begin_run` makes its parts.

    Attributes:
      step_function: the compiled step; None where no step is left.
      state: after `step` steps.
      began: start time on the monotonic clock, shifted as if the run had never paused.
      evaluation_due: whether an evaluation after the present step is still to be made.
      checkpoint_record: what every checkpoint says of the run.
    """

    experiment: Experiment
    length: Length
    devices: Devices
    display: Display
    program: Program
    step_function: Compiled | None
    feed: Feed
    evaluator: Evaluator
    checkpoints: Checkpoints
    damaged: DamagedImages
    interrupts: Interrupts | SharedInterrupts
    record: Record
    controllers: Controllers
    log: StepLog
    trace: StepTrace
    state: TrainState
    step: int
    began: float
    evaluation_due: bool
    checkpoint_record: dict[str, Any]
    refresh_function: Compiled | None = None

    @property
    def seconds(self) -> float:
        """Wall time of this run over all its starts."""
        return time.monotonic() - self.began

    @jax.transfer_guard("disallow")  # nothing moves between host and devices unless a line says so
    def train(self) -> None:
        """Runs to `length.stop`. Call it inside `with interrupts`.

        Raises:
          RunStoppedError: the loss is not finite; the newest checkpoint is from before.
          RunInterruptedError: SIGTERM or Ctrl-C; the state is saved.
        """
        if self.evaluation_due:  # a signal had cut it short
            self._evaluate()
        if self.step >= self.length.stop:
            return
        assert self.step_function is not None, "there are steps left"
        length, experiment = self.length, self.experiment
        samples = curvature_samples(experiment)
        batches = self.feed.batches(self.step, self.log.times)
        first = next(batches)
        self.log.times.restart(self.step)  # filling the pipeline isn't part of a step
        for batch in itertools.chain([first], batches):
            if samples and self.step % length.steps_per_epoch == 0:
                self._refresh_curvature()
            self.step += 1
            self.trace.before(self.step)
            last = self.step >= length.stop
            logs = last or self.step % length.log_interval() == 0
            run = partial(self.log.times.timed, self.step_function) if logs else self.step_function
            self.state, rate = run(self.state, batch, *self.feed.resident)
            self.trace.after(self.step, self.state)
            if logs:
                self._end_window(rate)
            self.display.advance("train", self.step, length.stop, self.log.note)
            self.evaluation_due = last or self.step % length.evaluation_interval(experiment) == 0
            self._leave_if_interrupted()
            if self.evaluation_due:
                self._evaluate()
            if last or self.step % length.checkpoint_interval(experiment) == 0:
                self.save()
            if last:
                break
        batches.close()

    def _leave_if_interrupted(self) -> None:
        received = self.interrupts.poll()
        if received is None:
            return
        self.save()
        self.wait()
        then = "goes on from there" if self.step < self.length.stop else "evaluates"
        said = f"{received.name}: saved at step {self.step:,}; the same command {then}."
        raise RunInterruptedError(said, received.value)

    def evaluate(self, protocol: str, shown: str) -> dict[str, Any]:
        """The errors by one protocol; `shown` is its name on the display. A signal ends the run after the batch."""
        return self.evaluator(protocol, self.variables, progress=partial(self._evaluated, shown))

    def evaluate_images(self, protocol: str) -> tuple[dict[str, Any], ImageResults]:
        """The same, and what became of each image."""
        return self.evaluator.with_images(protocol, self.variables, progress=partial(self._evaluated, protocol))

    def _evaluated(self, shown: str, done: int, total: int) -> None:
        self.display.advance(shown, done, total)
        self._leave_if_interrupted()

    def _refresh_curvature(self) -> None:
        epoch = self.step // self.length.steps_per_epoch
        sample = self.feed.sample(curvature_samples(self.experiment), epoch=epoch)
        placed = self.devices.replicate(sample)
        if self.refresh_function is None:
            self.refresh_function = self.program.compile_curvature(placed)
        (self.state,) = self.refresh_function(self.state, placed)

    def _end_window(self, rate: jax.Array) -> None:
        # A stop within a window may affect only the log, because a longer run wouldn't have stopped there.
        early = self.step % self.length.log_interval() > 0
        self.log.check_finite(self.step, float(jax.device_get(self.state.sums["loss"])))
        means = divide(self.state.sums)
        if not early:
            self.state = dataclasses.replace(self.state, sums=self.devices.replicate(zero_sums()))
            self.state = self.controllers.after_window(self.state, self.step, means["top1_error"])
        self.damaged.write(self.record, self.step)
        self.log.window(self.step, float(jax.device_get(rate)), means, early=early)
        self.display.measured("loss", means["loss"])
        self.display.measured("error", means["top1_error"])

    @property
    def whole_params(self) -> Any:
        """The parameters with all their values on every device."""
        return self.devices.gather(self.state.params)

    @property
    def variables(self) -> dict[str, Any]:
        """What an evaluation needs of the state."""
        return train_state.evaluation_variables(self.state)

    def _evaluate(self) -> None:
        metrics = self.evaluate("center", "evaluate")
        self.log.check_finite(self.step, metrics["loss"])
        self.log.evaluation(self.step, metrics)
        interval = self.length.evaluation_interval(self.experiment)
        if self.step % interval == 0:  # not at a stop between two evaluations
            self.state = self.controllers.after_evaluation(
                self.state, self.step, metrics["top1_error"], since=self.step - interval
            )
        self.evaluation_due = False

    def save(self) -> None:
        """Saves the state, unless its loss is not finite."""
        self.log.check_finite(self.step, float(jax.device_get(self.state.sums["loss"])))
        self.damaged.write(self.record, self.step)
        record = {**self.checkpoint_record, "seconds": self.seconds, "evaluation_due": self.evaluation_due}
        self.checkpoints.save(self.state, self.step, record)

    def wait(self) -> None:
        """Waits until the checkpoints are on disk."""
        self.checkpoints.wait()

    def close(self) -> None:
        """Waits for pending writes and closes the files."""
        self.trace.close()
        self.checkpoints.close()
        self.record.close()
