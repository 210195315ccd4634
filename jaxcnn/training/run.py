"""One run: the compiled step, its state, and what happens around each step."""

import dataclasses
import itertools
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.data.contrast import zca_whitening
from jaxcnn.data.pipeline import default_threads
from jaxcnn.data.sources import Source
from jaxcnn.data.statistics import mean_image
from jaxcnn.errors import RunInterruptedError, RunStoppedError
from jaxcnn.evaluation.evaluate import Evaluator
from jaxcnn.experiment import Experiment
from jaxcnn.reporting.progress import Display
from jaxcnn.reporting.record import Record, read_events
from jaxcnn.training import exchange, processes
from jaxcnn.training import state as train_state
from jaxcnn.training.checkpoints import Checkpoints
from jaxcnn.training.controllers import Controllers
from jaxcnn.training.curvature import curvature_samples, make_refresh_step
from jaxcnn.training.damaged_pictures import DamagedPictures
from jaxcnn.training.feed import Feed
from jaxcnn.training.initial_weights import take_over
from jaxcnn.training.interrupt import Interrupts, SharedInterrupts
from jaxcnn.training.metrics import divide, zero_sums
from jaxcnn.training.parallel import Devices, compile_step
from jaxcnn.training.profiler import StepTrace
from jaxcnn.training.schedules import how_to_lower
from jaxcnn.training.setting import Length
from jaxcnn.training.state import TrainState
from jaxcnn.training.step_times import StepTimes, is_data_bound, shares, what_to_change
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
    ) -> None:
        self.experiment, self.length, self._devices, self._display = experiment, length, devices, display
        self._checkpoint_record = record
        self._checkpoints = Checkpoints(workdir)
        self._damaged = DamagedPictures(train_source, steps_per_epoch=length.steps_per_epoch)
        self._feed = Feed(experiment, train_source, devices, seed=seed, on_damage=self._damaged.report)
        self.evaluator = Evaluator(experiment, test_source, devices)
        self._optimizer = experiment.optimizer.transformation()
        self._began = time.monotonic()
        self.interrupts = SharedInterrupts() if processes.connected() else Interrupts()
        self._evaluation_due = False  # of the present step
        self.state = self._first_state(seed, train_source)
        self.step = int(self.state.step)
        self.record = Record(workdir, step=self.step, writes=processes.is_first(), evaluates_again=self._evaluation_due)
        self._controllers = Controllers(
            experiment,
            replicate=devices.replicate,
            write=self.record.write,
            train_means=self.record.train_means,
            say=display.message,
        )
        self._damaged.resume(read_events(self.record.path))
        self._times, self._warned = StepTimes(), False
        self._trace = StepTrace(profile, step=self.step, stop=length.stop, say=display.message)
        self._step_function: Callable | None = None
        self._refresh: Callable | None = None

    def _first_state(self, seed: int, source: Source) -> TrainState:
        inputs = self.experiment.inputs
        resuming = self._checkpoints.latest_step() is not None
        statistics = train_state.zero_statistics(inputs)
        if not resuming:
            statistics = exchange.in_turn(lambda: self._statistics(source))  # process 0 leaves them beside the data
        create = partial(train_state.create_for, self.experiment, self._optimizer, seed=seed)
        like = jax.eval_shape(lambda: create(statistics=statistics))
        placement = self._devices.placement(like)
        if resuming:
            state, record = self._checkpoints.restore(like, placement)
            self._began -= record["seconds"]
            self._evaluation_due = record.get("evaluation_due", False)  # older checkpoints don't say
            self._display.message(f"resuming at step {int(state.step):,}")
            return state
        jitted = jax.jit(lambda statistics: create(statistics=statistics), out_shardings=placement)
        state = compile_step(jitted.lower(statistics), self._devices.platform, runs_once=True)(statistics)
        if self.experiment.init_from is None:
            return state
        params = take_over(state.params, self.experiment, self._devices.placement)
        average = jax.tree.map(jnp.copy, params) if state.average else {}  # copies: a step is given both to keep
        return dataclasses.replace(state, params=params, average=average)

    def _statistics(self, source: Source) -> dict[str, np.ndarray]:
        inputs = self.experiment.inputs
        compute: dict[str, Any] = {"size": inputs.stored_size, "channels": inputs.channels}
        compute["progress"] = self._display.advance
        if inputs.whitening is not None:
            return zca_whitening(source, **dataclasses.asdict(inputs.whitening), **compute)
        return {"mean": mean_image(source, **compute)} if inputs.mean == "picture" else {}

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
        self._note = ""
        batches = self._feed.batches(self.step, self._times)
        first = next(batches)
        self._times.restart(self.step)  # filling the pipeline isn't part of a step
        for batch in itertools.chain([first], batches):
            if samples and self.step % length.steps_per_epoch == 0:
                self._refresh_curvature()
            self.step += 1
            self._trace.before(self.step)
            last = self.step >= length.stop
            logs = last or self.step % length.log_interval() == 0
            run = partial(self._times.timed, self._step_function) if logs else self._step_function
            self.state, rate = run(self.state, batch, *self._feed.resident)
            self._trace.after(self.step, self.state)
            if logs:
                self._log(rate)
            self._display.advance("train", self.step, length.stop, self._note)
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
            self._refresh = compile_step(jitted.lower(self.state, placed), self._devices.platform)
        (self.state,) = self._refresh(self.state, placed)

    def _log(self, rate: jax.Array) -> None:
        # At a stop within a window: nothing but the log may know of it, as a longer run wouldn't have stopped there.
        early = self.step % self.length.log_interval() > 0
        self._check_finite(float(self.state.sums["loss"]))
        means = divide(self.state.sums)
        if not early:
            self.state = dataclasses.replace(self.state, sums=self._devices.replicate(zero_sums()))
            self.state = self._controllers.after_window(self.state, self.step, means["top1_error"])
        self._damaged.write(self.record, self.step)
        split = self._times.split(self.step)
        self._times.restart(self.step)
        speed = 1000 * self.experiment.batch_size / split["step_ms"]
        epoch = self.step / self.length.steps_per_epoch
        numbers: dict[str, Any] = {"epoch": epoch, "rate": float(rate), "images_per_second": speed, **means, **split}
        self.record.write(self.step, "train", **numbers, **({"early": True} if early else {}))
        self._note = (
            f"epoch {epoch:.2f}  loss {means['loss']:.4f}  error {means['top1_error']:.2f} %  "
            f"rate {float(rate):.2g}  {speed:,.0f} images/s  ({shares(split)})"
        )
        self._warn_of_waiting(split)

    def _warn_of_waiting(self, split: dict[str, float]) -> None:
        """Says once, as soon as it is so, that data is the bottleneck, and what to change."""
        if self._warned or not self._feed.streams or not is_data_bound(split):
            return
        self._warned = True
        self.record.write(self.step, "data_bound", **split)
        self._display.message(f"step {self.step:,}: {what_to_change(split, default_threads())}")

    def _check_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            saved = self._checkpoints.latest_step()
            kept = f"the checkpoint of step {saved:,} is kept" if saved else "nothing was saved yet"
            self.record.write(self.step, "stopped", loss=loss)
            raise RunStoppedError(
                f"the loss is not finite (={loss}) near step {self.step:,}; {kept}. "
                f"Lower the rate ({how_to_lower(self.experiment.schedule)}) and use another --workdir."
            )

    @property
    def whole_params(self) -> Any:
        """The parameters with all their values on every device."""
        return self._devices.whole(self.state.params)

    @property
    def variables(self) -> dict[str, Any]:
        """What an evaluation needs of the state."""
        return train_state.evaluation_variables(self.state)

    def _evaluate(self) -> None:
        metrics = self.evaluate("center", "evaluate")
        self._check_finite(metrics["loss"])
        self.record.write(self.step, "evaluation", epoch=self.step / self.length.steps_per_epoch, **metrics)
        self._display.message(
            f"step {self.step:,}: test error {metrics['top1_error']:.2f} % (top-5 {metrics['top5_error']:.2f} %) "
            f"of {metrics['count']:,}, loss {metrics['loss']:.4f}"
        )
        interval = self.length.evaluation_interval(self.experiment)
        if self.step % interval == 0:  # not at a stop between two of them
            self.state = self._controllers.after_evaluation(
                self.state, self.step, metrics["top1_error"], since=self.step - interval
            )
        self._evaluation_due = False
        self._times.restart(self.step)

    def save(self) -> None:
        """Saves the state, unless its loss is not finite."""
        self._check_finite(float(self.state.sums["loss"]))
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
