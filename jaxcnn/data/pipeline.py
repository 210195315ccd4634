"""From a source to uint8 batches in host memory: order, shard, read, decode, batch, prefetch.

One element of the grain pipeline is one whole batch, and batch *n* is a function of (seed, *n*) alone:
a resumed run starts at its step and sees what an uninterrupted one sees, whatever the number of threads.

A damaged picture ends an evaluation, where every picture counts. In training another record takes its place.
"""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import grain
import numpy as np

from jaxcnn.data.cache import cache_file, load_or_compute
from jaxcnn.data.decode import Window, central_square, decode
from jaxcnn.data.order import batch_at, batch_indices, draws_at, substitute_at
from jaxcnn.data.sources import Source
from jaxcnn.errors import RunStoppedError, UsageError

Batch = dict[str, np.ndarray]

RECORDS_AT_ONCE = 512
ATTEMPTS = 10  # to find a substitute for a damaged picture


class Damaged(NamedTuple):
    """A picture that could not be read."""

    record: int
    reason: str


class Substitutes(Protocol):
    """Names a record to take the place of a damaged one in a row of the batch; `attempt` counts from 0."""

    def __call__(self, row: int, attempt: int) -> int: ...


OnDamage = Callable[[Damaged], None]


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
    substitute: Substitutes | None = None,
    on_damage: OnDamage | None = None,
) -> Batch:
    """Reads and decodes the records of the given numbers, each straight into its row.

    Args:
        source, indices: the records.
        size, channels: what every picture becomes.
        crop, draws: the window of each picture and its random numbers, [n, crop.draws]; by default the
            central square.
        substitute: for each damaged picture, the record that takes its place.
        on_damage: told of every damaged picture that was replaced.

    Returns:
        `{"image": uint8 [n, size, size, channels], "label": int32 [n]}`.

    Raises:
        RunStoppedError: a picture is damaged, and nothing replaces it; the message names the data set and the record.
    """
    images = np.empty((len(indices), size, size, channels), np.uint8)
    labels = np.empty(len(indices), np.int32)
    for row, record in enumerate(source.__getitems__(indices)):
        choose = central_square
        if crop is not None and draws is not None:
            choose = functools.partial(crop, size=size, draws=draws[row])
        place = int(indices[row])
        for attempt in range(ATTEMPTS + 1):
            try:
                images[row] = decode(
                    record["image"], size=size, channels=channels, choose=choose, quick=crop is not None
                )
                break
            except ValueError as error:
                if substitute is None or attempt == ATTEMPTS:
                    raise RunStoppedError(
                        f"{source.name}, {source.split} split, record {place}: {error}; prepare the data set anew"
                    ) from error
                if on_damage is not None:
                    on_damage(Damaged(place, str(error)))
                place = substitute(row, attempt)
                record = source.__getitems__([place])[0]
        labels[row] = record["label"]
    return {"image": images, "label": labels}


def neighbours(indices: Sequence[int] | np.ndarray, total: int) -> Substitutes:
    """For each damaged record the next one that isn't: where there is no seed to choose by."""
    return lambda row, attempt: (int(indices[row]) + 1 + attempt) % total


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
    on_damage: Callable[[int, Damaged], None] | None = None,
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
        on_damage: told of the step and the picture, by any thread and ahead of that step, when a picture is damaged.
            A record takes its place that is a function of the seed, the step and the row.

    Returns:
        `{"image": uint8 [b, size, size, channels], "label": int32 [b]}` with b = batch_size / count.

    Raises:
        UsageError: the batch doesn't divide over the processes.
        RunStoppedError: (while iterating) a file is damaged, or a picture and ten substitutes for it.
    """
    index, count = shard
    if batch_size % count or not 0 <= index < count:
        raise UsageError(f"batch_size (={batch_size}) must divide evenly over {count} processes (this is {index})")
    batch_indices(len(source), batch_size, seed=seed, start_step=start_step)  # only to check the values
    local = slice(index * batch_size // count, (index + 1) * batch_size // count)

    def load(step: int) -> Batch:
        records = batch_at(len(source), batch_size, seed=seed, step=step)[local]
        draws = draws_at(batch_size, crop.draws, seed=seed, step=step)[local] if crop is not None else None
        return read_batch(
            source,
            records,
            size=size,
            channels=channels,
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
    shard: tuple[int, int] = (0, 1),
    threads: int | None = None,
) -> Iterator[Batch]:
    """Every record once, in order; the last batch is padded with the last picture and masked.

    shard: (index, count) of this process: it gets its slice of every batch, which may hold nothing but padding.

    Returns:
        `{"image": uint8 [b, size, size, channels], "label": int32 [b], "mask": float32 [b]}` with
        b = batch_size / count; mask is 1 for a picture and 0 for padding.
    """
    total, (index, count) = len(source), shard
    rows = batch_size // count

    def load(step: int) -> Batch:
        positions = step * batch_size + index * rows + np.arange(rows)
        real = positions < total
        read = positions[real] if real.any() else [total - 1]
        batch = read_batch(source, read, size=size, channels=channels)
        if not real.all():
            missing = (0, rows - len(read))
            batch["image"] = np.pad(batch["image"], [missing, (0, 0), (0, 0), (0, 0)], mode="edge")
            batch["label"] = np.pad(batch["label"], [missing], mode="edge")
        return {**batch, "mask": real.astype(np.float32)}

    return prefetched(load, 0, -(-total // batch_size), threads=threads)


def load_resident(source: Source, *, size: int, channels: int, on_damage: OnDamage | None = None) -> Batch:
    """All pictures of a split in record order, for sets that fit into memory (MNIST, CIFAR).

    Kept beside the data set when its folder is writable: a second start takes well under a second.

    Args:
        source, size, channels: as for `read_batch`.
        on_damage: for training: told of every damaged picture, in whose place its next neighbour is given. What is
            kept beside the data set is always whole.

    Returns:
        `{"image": uint8 [n, size, size, channels], "label": int32 [n]}`.

    Raises:
        RunStoppedError: a picture is damaged, and there is no `on_damage`.
    """
    total = len(source)
    damaged: list[Damaged] = []

    def decode_all() -> Batch:
        images = np.empty((total, size, size, channels), np.uint8)
        labels = np.empty(total, np.int32)
        starts = range(0, total, RECORDS_AT_ONCE)

        def load(block: int) -> Batch:
            records = range(starts[block], min(starts[block] + RECORDS_AT_ONCE, total))
            return read_batch(
                source,
                records,
                size=size,
                channels=channels,
                substitute=neighbours(records, total) if on_damage is not None else None,
                on_damage=damaged.append,
            )

        for start, batch in zip(starts, prefetched(load, 0, len(starts)), strict=True):
            images[start : start + RECORDS_AT_ONCE] = batch["image"]
            labels[start : start + RECORDS_AT_ONCE] = batch["label"]
        return {"image": images, "label": labels}

    path = cache_file(source, "decoded", size=size, channels=channels)
    arrays = load_or_compute(path, decode_all, keep=lambda: not damaged)
    for picture in sorted(damaged):
        assert on_damage is not None, "without it the first damaged picture is an error"
        on_damage(picture)
    return arrays
