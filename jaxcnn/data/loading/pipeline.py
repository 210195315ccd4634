"""From a source to uint8 batches in host memory: order, shard, read, batch, prefetch.

An element of the grain pipeline is a whole batch, and batch *n* is a function of (seed, *n*) alone. A resumed run
therefore sees the same batches as an uninterrupted one, whatever the number of threads.

A damaged image stops an evaluation, where every image counts; in training another record replaces it.
"""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import grain
import numpy as np

from jaxcnn.data.decoding.decode import Resize
from jaxcnn.data.loading.order import batch_at, batch_indices, draws_at, substitute_at
from jaxcnn.data.loading.read import Batch, ChooseWindow, Damaged, read_batch
from jaxcnn.data.sources import Source
from jaxcnn.errors import UsageError


def cores() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_threads() -> int:
    """One decoding thread for each usable core, at most 16: more would wait for Python's global lock."""
    return min(16, cores())


def prefetched(load: Callable[[int], Any], start: int, stop: int, *, threads: int | None = None) -> Iterator[Any]:
    """Yields load(start), …, load(stop − 1) in this order, computed ahead by grain's threads.

    Closing or dropping the iterator stops it early and cancels the calls that haven't begun.
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
    resize: Resize = "shorter_side",
    crop: ChooseWindow | None = None,
    on_damage: Callable[[int, Damaged], None] | None = None,
) -> Iterator[Batch]:
    """Endless shuffled batches from step `start_step` on, in the order of `order.batch_indices`.

    Args:
        source: the records.
        size, channels: side in pixels and channels of the decoded images.
        batch_size: images in a batch over all processes.
        seed: the seed of the order.
        start_step: the number of batches that the run has already seen.
        shard: (index, count) of this process, which gets its slice of every batch.
        threads: number of decoding threads; by default one for each core.
        resize: how a whole image becomes a square, where no `crop` is given.
        crop: chooses a random window of each image. Its random numbers are a function
            of the seed, the step and the row of the whole batch.
        on_damage: called with the step and the damaged image, from any thread and ahead of that step. The
            replacement is a function of the seed, the step and the row.

    Returns:
        `{"image": uint8 [b, size, size, channels], "label": int32 [b]}` with b = batch_size / count.

    Raises:
        UsageError: the batch can't be divided evenly over the processes.
        RunStoppedError: (while iterating) a file is damaged, or an image and ten substitutes for it.
    """
    index, count = shard
    if batch_size % count or not 0 <= index < count:
        raise UsageError(f"batch_size (={batch_size}) must divide evenly over {count} processes (this is {index})")
    batch_indices(len(source), batch_size, seed=seed, start_step=start_step)  # checks the values now
    local = slice(index * batch_size // count, (index + 1) * batch_size // count)

    def load(step: int) -> Batch:
        records = batch_at(len(source), batch_size, seed=seed, step=step)[local]
        draws = draws_at(batch_size, crop.draws, seed=seed, step=step)[local] if crop is not None else None
        return read_batch(
            source,
            records,
            size=size,
            channels=channels,
            resize=resize,
            crop=crop,
            draws=draws,
            substitute=lambda row, attempt: substitute_at(
                len(source), seed=seed, step=step, row=local.start + row, attempt=attempt
            ),
            on_damage=None if on_damage is None else functools.partial(on_damage, step),
        )

    return prefetched(load, start_step, sys.maxsize, threads=threads)


def test_batches(
    source: Source,
    *,
    size: int,
    channels: int,
    batch_size: int,
    resize: Resize = "shorter_side",
    shard: tuple[int, int] = (0, 1),
    threads: int | None = None,
) -> Iterator[Batch]:
    """Every record once, in order; the last batch is padded with the last image and masked.

    Args:
        source, size, channels, batch_size, resize, threads: as for `train_batches`.
        shard: (index, count) of this process, which gets its slice of every batch; a slice may be all padding.

    Returns:
        `{"image": uint8 [b, size, size, channels], "label": int32 [b], "mask": float32 [b]}` with
        b = batch_size / count; mask is 1 for an image and 0 for padding.

    Raises:
        RunStoppedError: (while iterating) an image or a file is damaged.
    """
    total, (index, count) = len(source), shard
    rows = batch_size // count

    def load(step: int) -> Batch:
        positions = step * batch_size + index * rows + np.arange(rows)
        real = positions < total
        read = positions[real] if real.any() else [total - 1]
        batch = read_batch(source, read, size=size, channels=channels, resize=resize)
        if not real.all():
            missing = (0, rows - len(read))
            batch["image"] = np.pad(batch["image"], [missing, (0, 0), (0, 0), (0, 0)], mode="edge")
            batch["label"] = np.pad(batch["label"], [missing], mode="edge")
        return {**batch, "mask": real.astype(np.float32)}

    return prefetched(load, 0, -(-total // batch_size), threads=threads)
