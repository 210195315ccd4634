"""One run: the compiled step, its state, and what happens around each step."""

import dataclasses
import itertools
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax

from jaxcnn.config.experiment import Experiment
from jaxcnn.data.sources import Source
from jaxcnn.errors import RunInterruptedError
from jaxcnn.evaluation.evaluator import Evaluator
from jaxcnn.parallel import processes
from jaxcnn.parallel.compilation import compile_step
from jaxcnn.parallel.devices import Devices
from jaxcnn.reporting.progress import Display
from jaxcnn.reporting.record import Record, read_events
from jaxcnn.runs.checkpoints import Checkpoints
from jaxcnn.runs.damaged_pictures import DamagedPictures
from jaxcnn.runs.initial_state import first_state
from jaxcnn.runs.interrupt import Interrupts, SharedInterrupts
from jaxcnn.runs.length import Length
from jaxcnn.runs.profiler import StepTrace
from jaxcnn.runs.rate_controllers import Controllers
from jaxcnn.runs.resumption import changes, surroundings
from jaxcnn.runs.step_log import StepLog
from jaxcnn.runs.warm_start import InitialWeights
from jaxcnn.training import state as train_state
from jaxcnn.training.curvature import curvature_samples, make_refresh_step
from jaxcnn.training.feed import Feed
from jaxcnn.training.metrics import divide, zero_sums
from jaxcnn.training.steps import make_train_step


class Run:
    """A run in its folder, from its newest checkpoint or from the start."""

    def __init__(
        self,
        experiment: Experiment,
        *,
        workdir: Path,
        train_source: Source,
        test_source: Source,
        devices: Devices,
        length: Length,
        seed: int,
        display: Display,
        record: dict[str, Any],
        profile: Path | None = None,
        initial: InitialWeights | None = None,
    ) -> None:
        self.experiment, self.length, self._devices, self._display = experiment, length, devices, display
        around = surroundings(devices)
        self._checkpoint_record = record | {"surroundings": around}
        self._checkpoints = Checkpoints(workdir)
        self._damaged = DamagedPictures(train_source, steps_per_epoch=length.steps_per_epoch)
        self._feed = Feed(experiment, train_source, devices, seed=seed, on_damage=self._damaged.report)
        self.evaluator = Evaluator(experiment, test_source, devices)
        self._optimizer = experiment.optimizer.transformation()
        self._began = time.monotonic()
        self.interrupts = SharedInterrupts() if processes.connected() else Interrupts()
        self._evaluation_due = False  # of the present step
        self.state, restored = first_state(
            experiment,
            self._optimizer,
            devices,
            self._checkpoints,
            train_source,
            seed=seed,
            progress=display.advance,
            initial=initial,
        )
        self.step = int(self.state.step)
        if restored is None:
            for line in initial.notes if initial is not None else ():
                display.message(line)
        else:
            self._began -= restored["seconds"]
            self._evaluation_due = restored.get("evaluation_due", False)  # older checkpoints don't say
            display.message(f"resuming at step {self.step:,}")
            for line in changes(
                restored.get("surroundings"),
                around,
                batch_norm=bool(self.state.batch_stats),
                batch_size=experiment.batch_size,
            ):
                display.message(line)
        self.record = Record(workdir, step=self.step, writes=processes.is_first(), evaluates_again=self._evaluation_due)
        self._controllers = Controllers(
            experiment,
            replicate=devices.replicate,
            write=self.record.write,
            train_means=self.record.train_means,
            say=display.message,
        )
        self._damaged.resume(read_events(self.record.path))
        self._log = StepLog(
            experiment,
            length,
            write=self.record.write,
            say=display.message,
            streams=self._feed.streams,
            saved=self._checkpoints.latest_step,
        )
        self._trace = StepTrace(profile, step=self.step, stop=length.stop, say=display.message)
        self._step_function: Callable | None = None
        self._refresh: Callable | None = None

    @property
    def seconds(self) -> float:
        """Wall time of this run over all its starts."""
        return time.monotonic() - self._began

    def compile(self) -> None:
        """Compiles the step, before the first batch is asked for."""
        began = time.monotonic()
        schedule = self.experiment.schedule.build(
            steps_per_epoch=self.length.steps_per_epoch, total_steps=self.length.planned
        )
        step = make_train_step(
            self.experiment, optimizer=self._optimizer, schedule=schedule, axis_name=self._devices.axis_name
        )
        step = self._feed.adapt(step)
        self._step_function = self._devices.compile(
            step, self.state, self._feed.example(), *self._feed.resident, save_memory=self.experiment.saves_memory
        )
        self.record.write(self.step, "compile", seconds=time.monotonic() - began)

    def train(self) -> None:
        """Runs to `length.stop`. Comes inside `interrupts`.

        Raises:
          RunStoppedError: the loss is not finite; the newest checkpoint is from before.
          RunInterruptedError: SIGTERM or Ctrl-C; the state is saved.
        """
        if self._evaluation_due:  # a signal had cut it short
            self._evaluate()
        if self.step >= self.length.stop:
            return
        assert self._step_function is not None, "compile() comes first"
        length, experiment = self.length, self.experiment
        samples = curvature_samples(experiment)
        batches = self._feed.batches(self.step, self._log.times)
        first = next(batches)
        self._log.times.restart(self.step)  # filling the pipeline isn't part of a step
        for batch in itertools.chain([first], batches):
            if samples and self.step % length.steps_per_epoch == 0:
                self._refresh_curvature()
            self.step += 1
            self._trace.before(self.step)
            last = self.step >= length.stop
            logs = last or self.step % length.log_interval() == 0
            run = partial(self._log.times.timed, self._step_function) if logs else self._step_function
            self.state, rate = run(self.state, batch, *self._feed.resident)
            self._trace.after(self.step, self.state)
            if logs:
                self._end_window(rate)
            self._display.advance("train", self.step, length.stop, self._log.note)
            self._evaluation_due = last or self.step % length.evaluation_interval(experiment) == 0
            self._leave_if_interrupted()
            if self._evaluation_due:
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
        """The errors by a protocol, shown by that name; a signal ends it, and the run, after a batch."""

        def progress(done: int, total: int) -> None:
            self._display.advance(shown, done, total)
            self._leave_if_interrupted()

        return self.evaluator(protocol, self.variables, progress=progress)

    def _refresh_curvature(self) -> None:
        epoch = self.step // self.length.steps_per_epoch
        sample = self._feed.sample(curvature_samples(self.experiment), epoch=epoch)
        placed = self._devices.replicate(sample)
        if self._refresh is None:
            jitted = jax.jit(
                make_refresh_step(self.experiment), out_shardings=self._devices.replicated, donate_argnums=0
            )
            self._refresh = compile_step(self._devices.lower(jitted, self.state, placed), self._devices.platform)
        (self.state,) = self._refresh(self.state, placed)

    def _end_window(self, rate: jax.Array) -> None:
        # At a stop within a window: nothing but the log may know of it, as a longer run wouldn't have stopped there.
        early = self.step % self.length.log_interval() > 0
        self._log.check_finite(self.step, float(self.state.sums["loss"]))
        means = divide(self.state.sums)
        if not early:
            self.state = dataclasses.replace(self.state, sums=self._devices.replicate(zero_sums()))
            self.state = self._controllers.after_window(self.state, self.step, means["top1_error"])
        self._damaged.write(self.record, self.step)
        self._log.window(self.step, float(rate), means, early=early)

    @property
    def whole_params(self) -> Any:
        """The parameters with all their values on every device."""
        return self._devices.gather(self.state.params)

    @property
    def variables(self) -> dict[str, Any]:
        """What an evaluation needs of the state."""
        return train_state.evaluation_variables(self.state)

    def _evaluate(self) -> None:
        metrics = self.evaluate("center", "evaluate")
        self._log.check_finite(self.step, metrics["loss"])
        self._log.evaluation(self.step, metrics)
        interval = self.length.evaluation_interval(self.experiment)
        if self.step % interval == 0:  # not at a stop between two of them
            self.state = self._controllers.after_evaluation(
                self.state, self.step, metrics["top1_error"], since=self.step - interval
            )
        self._evaluation_due = False

    def save(self) -> None:
        """Saves the state, unless its loss is not finite."""
        self._log.check_finite(self.step, float(self.state.sums["loss"]))
        self._damaged.write(self.record, self.step)
        record = {**self._checkpoint_record, "seconds": self.seconds, "evaluation_due": self._evaluation_due}
        self._checkpoints.save(self.state, self.step, record)

    def wait(self) -> None:
        """Until the checkpoints are on disk."""
        self._checkpoints.wait()

    def close(self) -> None:
        """Waits for what is being written, and closes the files."""
        self._trace.close()
        self._checkpoints.close()
        self.record.close()
