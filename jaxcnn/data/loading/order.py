"""The records of batch *n*, a pure function of (seed, n), so that there is no state to save.

Each epoch is a permutation of all records. Batches continue across the end of an epoch, so every record comes exactly
once in an epoch and no batch is short. The permutation sorts the raw 64-bit output of the counter-based generator
Philox with the key (seed, epoch). NumPy guarantees this raw stream across versions, unlike `Generator.permutation`.
`docs/decisions.md` compares it with grain's own shuffle.
"""

import functools
from collections.abc import Iterator

import numpy as np

from jaxcnn.errors import UsageError


@functools.lru_cache(maxsize=4)
def epoch_order(size: int, seed: int, epoch: int) -> np.ndarray:
    """The permutation of one epoch: int32 [size], read-only."""
    raw = np.random.Philox(key=np.array([seed % 2**64, epoch], dtype=np.uint64)).random_raw(size)
    order = np.argsort(raw, kind="stable").astype(np.int32)
    order.setflags(write=False)
    return order


def batch_at(size: int, batch_size: int, *, seed: int, step: int) -> np.ndarray:
    """The records of the batch of step `step`, counted from 0: int32 [batch_size], 0 … size − 1."""
    epoch, start = divmod(step * batch_size, size)
    order = epoch_order(size, seed, epoch)
    if start + batch_size <= size:
        return order[start : start + batch_size]
    pieces, missing = [order[start:]], batch_size - (size - start)
    while missing > 0:
        epoch += 1
        pieces.append(epoch_order(size, seed, epoch)[:missing])
        missing -= len(pieces[-1])
    return np.concatenate(pieces)


def batch_indices(size: int, batch_size: int, *, seed: int, start_step: int = 0) -> Iterator[np.ndarray]:
    """The records of the batches `start_step`, `start_step + 1`, … without end.

    Args:
        size: the number of records.
        batch_size: the number of records in a batch; may exceed `size`.
        seed: an integer ≥ 0; the same seed gives the same order on every machine.
        start_step: the number of batches to skip, which an interrupted run has already seen.

    Returns:
        An endless iterator of int32 [batch_size].

    Raises:
        UsageError: `size` or `batch_size` is below 1, or `seed` or `start_step` below 0.
    """
    if size < 1 or batch_size < 1:
        raise UsageError(f"batch_size (={batch_size}) and the number of records (={size}) must be at least 1")
    if seed < 0 or start_step < 0:
        raise UsageError(f"seed (={seed}) and start_step (={start_step}) must be at least 0")
    return _batches(size, batch_size, seed, start_step)


def _batches(size: int, batch_size: int, seed: int, step: int) -> Iterator[np.ndarray]:
    while True:
        yield batch_at(size, batch_size, seed=seed, step=step)
        step += 1


def draws_at(batch_size: int, count: int, *, seed: int, step: int) -> np.ndarray:
    """Random numbers for the host's augmentation of one batch: float64 [batch_size, count] in [0, 1).

    They are a function of (seed, step, row) and independent of the order of the records.
    """
    key = np.array([seed % 2**64, step], dtype=np.uint64)
    raw = np.random.Philox(key=key, counter=np.array([0, 0, 0, 1], np.uint64)).random_raw(batch_size * count)
    return (raw >> np.uint64(11)).reshape(batch_size, count) * 2.0**-53


def substitute_at(size: int, *, seed: int, step: int, row: int, attempt: int) -> int:
    """The record, 0 … size − 1, that replaces a damaged one: a function of (seed, step, row, attempt).

    Args:
        size: the number of records.
        seed, step: as for `batch_at`.
        row: the row of the whole batch, over all processes.
        attempt: 0 for the first substitute, 1 if that is damaged too, and so on.
    """
    key = np.array([seed % 2**64, step], dtype=np.uint64)
    counter = np.array([attempt, row, 0, 2], np.uint64)  # a third stream, besides those of the order and the draws
    return int(np.random.Philox(key=key, counter=counter).random_raw() % size)
