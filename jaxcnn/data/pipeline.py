"""From a source to uint8 batches in host memory: order, shard, read, decode, batch, prefetch.

One element of the grain pipeline is one whole batch, and batch *n* is a function of (seed, *n*) alone:
a resumed run starts at its step and sees what an uninterrupted one sees, whatever the number of threads.
"""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Protocol

import grain
import numpy as np

from jaxcnn.data.cache import cache_file, load_or_compute
from jaxcnn.data.decode import Window, central_square, decode
from jaxcnn.data.order import batch_at, batch_indices, draws_at
from jaxcnn.data.sources import Source
from jaxcnn.errors import RunStoppedError, UsageError

Batch = dict[str, np.ndarray]

RECORDS_AT_ONCE = 512


class Crop(Protocol):
    """Chooses a window of a width × height picture, to become size × size, by `draws` random numbers in [0, 1)."""

    draws: ClassVar[int]

    def __call__(self, width: int, height: int, size: int, draws: np.ndarray) -> Window: ...


def default_threads() -> int:
    """One decoding thread a usable core, at most 16: beyond that they wait for Python's lock."""
    return min(16, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def read_batch(
    source: Source,
    indices: Sequence[int] | np.ndarray,
    *,
    size: int,
    channels: int,
    crop: Crop | None = None,
    draws: np.ndarray | None = None,
) -> Batch:
    """Reads and decodes the records of the given numbers.

    Args:
        source, indices: the records.
        size, channels: what every picture becomes.
        crop, draws: the window of each picture and its random numbers, [n, crop.draws]; by default the
            central square.

    Returns:
        `{"image": uint8 [n, size, size, channels], "label": int32 [n]}`.

    Raises:
        RunStoppedError: a picture is damaged; the message names the data set and the record.
    """
    images = np.empty((len(indices), size, size, channels), np.uint8)
    labels = np.empty(len(indices), np.int32)
    for row, record in enumerate(source.__getitems__(indices)):
        choose = central_square
        if crop is not None and draws is not None:
            choose = functools.partial(crop, size=size, draws=draws[row])
        try:
            images[row] = decode(record["image"], size=size, channels=channels, choose=choose)
        except ValueError as error:
            raise RunStoppedError(
                f"{source.name}, {source.split} split, record {int(indices[row])}: {error}; prepare the data set anew"
            ) from error
        labels[row] = record["label"]
    return {"image": images, "label": labels}


def prefetched(load: Callable[[int], Any], start: int, stop: int, *, threads: int | None = None) -> Iterator[Any]:
    """load(start), …, load(stop − 1) in that order, computed ahead by grain's threads.

    Close the iterator (or drop it) to stop early: what hasn't begun is cancelled.
    """
    threads = threads or default_threads()
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads + 1)
    iterator = iter(grain.MapDataset.range(start, stop).map(load).to_iter_dataset(options))
    with contextlib.closing(iterator):
        yield from iterator


def train_batches(
    source: Source,
    *,
    size: int,
    channels: int,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    shard: tuple[int, int] = (0, 1),
    threads: int | None = None,
    crop: Crop | None = None,
) -> Iterator[Batch]:
    """Shuffled batches without end, from step `start_step` on, in the order of `order.batch_indices`.

    Args:
        source: the records.
        size, channels: what every picture becomes, see `decode`.
        batch_size: pictures in a batch over all processes.
        seed: the seed of the order.
        start_step: how many batches the run has already had.
        shard: (index, count) of this process: it gets its slice of every batch.
        threads: how many decode; by default one a core.
        crop: a random window of each picture, by default the central square. Its random numbers are a function
            of the seed, the step and the row in the whole batch.

    Returns:
        `{"image": uint8 [b, size, size, channels], "label": int32 [b]}` with b = batch_size / count.

    Raises:
        UsageError: the batch doesn't divide over the processes.
        RunStoppedError: (while iterating) a picture is damaged.
    """
    index, count = shard
    if batch_size % count or not 0 <= index < count:
        raise UsageError(f"batch_size (={batch_size}) must divide evenly over {count} processes (this is {index})")
    batch_indices(len(source), batch_size, seed=seed, start_step=start_step)  # only to check the values
    local = slice(index * batch_size // count, (index + 1) * batch_size // count)

    def load(step: int) -> Batch:
        records = batch_at(len(source), batch_size, seed=seed, step=step)[local]
        draws = draws_at(batch_size, crop.draws, seed=seed, step=step)[local] if crop is not None else None
        return read_batch(source, records, size=size, channels=channels, crop=crop, draws=draws)

    return prefetched(load, start_step, sys.maxsize, threads=threads)


def test_batches(
    source: Source, *, size: int, channels: int, batch_size: int, threads: int | None = None
) -> Iterator[Batch]:
    """Every record once, in order; the last batch is padded with its last picture and masked.

    Returns:
        `{"image": uint8 [batch_size, size, size, channels], "label": int32 [batch_size],
        "mask": float32 [batch_size]}`; mask is 1 for a picture and 0 for padding.
    """
    total = len(source)

    def load(step: int) -> Batch:
        positions = np.arange(step * batch_size, (step + 1) * batch_size)
        real = positions < total
        batch = read_batch(source, positions[real], size=size, channels=channels)
        if not real.all():
            missing = (0, int(batch_size - real.sum()))
            batch["image"] = np.pad(batch["image"], [missing, (0, 0), (0, 0), (0, 0)], mode="edge")
            batch["label"] = np.pad(batch["label"], [missing], mode="edge")
        return {**batch, "mask": real.astype(np.float32)}

    return prefetched(load, 0, -(-total // batch_size), threads=threads)


def load_resident(source: Source, *, size: int, channels: int) -> Batch:
    """All pictures of a split in record order, for sets that fit into memory (MNIST, CIFAR).

    Kept beside the data set when its folder is writable: a second start takes well under a second.

    Returns:
        `{"image": uint8 [n, size, size, channels], "label": int32 [n]}`.

    Raises:
        RunStoppedError: a picture is damaged.
    """
    total = len(source)

    def decode_all() -> Batch:
        images = np.empty((total, size, size, channels), np.uint8)
        labels = np.empty(total, np.int32)
        starts = range(0, total, RECORDS_AT_ONCE)

        def load(block: int) -> Batch:
            records = range(starts[block], min(starts[block] + RECORDS_AT_ONCE, total))
            return read_batch(source, records, size=size, channels=channels)

        for start, batch in zip(starts, prefetched(load, 0, len(starts)), strict=True):
            images[start : start + RECORDS_AT_ONCE] = batch["image"]
            labels[start : start + RECORDS_AT_ONCE] = batch["label"]
        return {"image": images, "label": labels}

    return load_or_compute(cache_file(source, "decoded", size=size, channels=channels), decode_all)
