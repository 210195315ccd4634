"""The speed of a data set's pipeline, alone and together with a train step."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import jax
from jax.stages import Compiled

from jaxcnn.config.experiment import Experiment
from jaxcnn.data.loading.pipeline import default_threads
from jaxcnn.data.sources import Source
from jaxcnn.parallel.devices import Devices
from jaxcnn.training.feed import Feed
from jaxcnn.training.program import Program
from jaxcnn.training.step_times import StepTimes, is_data_bound


def bench_data(
    experiment: Experiment,
    source: Source,
    devices: Devices,
    program: Callable[..., Program],
    state: Any,
    *,
    steps: int,
    step_ms: float,
) -> dict[str, Any]:
    """Reads the training split as a run does, first alone, then together with train steps.

    Args:
      experiment: its model must have enough outputs for the data.
      source: the training split.
      devices: what the program is compiled for.
      program: `program(images=…, on_device=…)` gives the experiment's program for such a training set.
      state: the program's; it is donated.
      steps: batches of each measurement, after those that fill the pipeline.
      step_ms: the time of a train step alone, milliseconds.

    Returns:
      {"name", "pictures", "shorter_side" (of a compact copy), "streams" (False: the data set lives on the devices, and
      there is no pipeline: the next three are None), "threads", "pictures_per_second", "pictures_per_second_per_core"
      (by processor time), "with_step": {"images_per_second", "step_ms", "waiting_ms", "transfer_ms", "compute_ms",
      "data_bound", "slower_than_alone" (a step's time by that of a step alone)}}.
    """
    feed = Feed(experiment, source, devices, seed=0, on_damage=lambda at, damage: None)
    rates: dict[str, float | None] = dict.fromkeys(ALONE)
    if feed.streams:
        rates.update(alone(feed, experiment.batch_size, steps))
    return {
        "name": source.name,
        "pictures": len(source),
        "shorter_side": source.shorter_side,
        "streams": feed.streams,
        **rates,
        "with_step": together(
            feed,
            experiment.batch_size,
            program(images=len(source), on_device=not feed.streams).compile_step(),
            state,
            steps=steps,
            step_ms=step_ms,
        ),
    }


ALONE = ("threads", "pictures_per_second", "pictures_per_second_per_core")


def alone(feed: Feed, batch_size: int, steps: int) -> dict[str, float]:
    """Measures the pipeline alone, up to batches in host memory; the keys are `ALONE`."""
    threads = default_threads()
    batches = feed.host_batches(0)
    for _ in range(threads + 2):  # fills the prefetch buffer, so that it is full before and after the measurement
        next(batches)
    began, used = time.perf_counter(), time.process_time()
    for _ in itertools.islice(batches, steps):
        pass
    used, passed = time.process_time() - used, time.perf_counter() - began
    images = batch_size * steps
    return dict(zip(ALONE, (threads, images / passed, images / used), strict=True))


def together(
    feed: Feed,
    batch_size: int,
    compiled: Compiled,
    state: Any,
    *,
    steps: int,
    step_ms: float,
) -> dict[str, Any]:
    """Measures a window of steps as in a run; the last step is timed separately."""
    times = StepTimes()
    batches = feed.batches(0, times)
    state, _ = compiled(state, next(batches), *feed.resident)
    jax.block_until_ready(state)
    times.restart(0)
    for batch in itertools.islice(batches, steps - 1):
        state, _ = compiled(state, batch, *feed.resident)
    times.timed(compiled, state, next(batches), *feed.resident)
    split = times.split(steps)
    batches.close()
    return {
        "images_per_second": 1000 * batch_size / split["step_ms"],
        **split,
        "data_bound": is_data_bound(split),
        "slower_than_alone": split["step_ms"] / step_ms,
    }
