"""Checking whether a run's data is available and how fast it can be read, without preparing or downloading it."""

import contextlib
import itertools
import time
from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.data.any_source import any_data_set, is_there, open_any
from jaxcnn.data.datasets import prepare_command
from jaxcnn.data.loading.pipeline import train_batches
from jaxcnn.data.loading.read import read_batch
from jaxcnn.training.feed import lives_on_device

SECONDS = 3.0  # reading stops after the batch in which this is exceeded
BATCHES = 5  # limit
RECORDS = 2048  # limit, for data sets that are kept on the device


def check_data(experiment: Experiment, name: str, *, data_dir: str | None, seed: int = 0) -> dict[str, Any]:
    """Looks for the data set and reads a small part of it as a run would.

    Returns:
      {"name", "found", "folder", "bytes" (on disk; None if there is no local folder),
      "train_pictures", "test_pictures" (counted if found, else those of the full set), "how_to_get" (a command, or
      None), "on_device" (whether the training set is kept there), "pictures_per_second" (None if not found)}.
    """
    entry = any_data_set(name, data_dir)
    found = is_there(name, data_dir)
    answer: dict[str, Any] = {"name": name, "found": found, "folder": None, "bytes": None, "how_to_get": None}
    if not found:
        images = {"train_pictures": entry.train_size, "test_pictures": entry.test_size}
        answer |= {"how_to_get": prepare_command(name, data_dir), **images, "pictures_per_second": None}
        return answer | {"on_device": lives_on_device(experiment.inputs, entry.train_size)}
    source = open_any(name, "train", data_dir=data_dir)
    answer |= {"train_pictures": len(source), "test_pictures": len(open_any(name, "test", data_dir=data_dir))}
    answer |= {"folder": source.location, "bytes": source.stored_bytes}
    on_device = lives_on_device(experiment.inputs, len(source))
    speed = loading_speed(experiment, source) if on_device else reading_speed(experiment, source, seed=seed)
    return answer | {"on_device": on_device, "pictures_per_second": speed}


def loading_speed(experiment: Experiment, source: Any) -> float:
    """Images per second, on one thread, at the first decoding of a data set that is kept on the device."""
    inputs, count = experiment.inputs, min(RECORDS, len(source))
    how: Any = {"size": inputs.training_size, "channels": inputs.channels, "resize": inputs.resize}
    read_batch(source, range(min(8, count)), **how)  # opens files
    began = time.perf_counter()
    read_batch(source, range(count), **how)
    return count / (time.perf_counter() - began)


def reading_speed(experiment: Experiment, source: Any, *, seed: int) -> float:
    """Images per second of the training pipeline with all its threads."""
    inputs, rows = experiment.inputs, experiment.batch_size
    source[0]  # opens the files
    batches: Any = train_batches(
        source,
        size=inputs.training_size,
        channels=inputs.channels,
        resize=inputs.resize,
        batch_size=rows,
        seed=seed,
        crop=inputs.crop,
    )
    with contextlib.closing(batches):
        began, count = time.perf_counter(), 0
        for _ in itertools.islice(batches, BATCHES):
            count += rows
            if time.perf_counter() - began > SECONDS:
                break
        return count / (time.perf_counter() - began)
