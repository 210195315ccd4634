"""Which rows of the whole batch this program computes: random numbers belong to rows, however the batch is divided."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import jax

from jaxcnn.models.sharding.towers import BATCH_AXIS


def batch_position(rows: int) -> tuple[jax.Array | int, int]:
    """The position of this device's `rows` examples in the whole batch: (its first row, rows in all).

    Under `jit` an array is the whole batch. Under `pmap` each device holds a part of it, and random numbers
    must be drawn for the part: the same ones that a single device would draw for those rows.
    """
    try:
        index = jax.lax.axis_index(BATCH_AXIS)
    except NameError:  # no such axis: the batch is whole
        return 0, rows
    return index * rows, jax.lax.axis_size(BATCH_AXIS) * rows


# Which micro-batch is being traced, (its number, their count), where a batch is computed in several.
_MICRO_BATCH: ContextVar[tuple[jax.Array | int, int]] = ContextVar("micro_batch", default=(0, 1))


@contextlib.contextmanager
def micro_batch(index: jax.Array | int, count: int) -> Iterator[None]:
    """Within it, a layer's rows are the rows index, index + count, … of this device's part of the batch."""
    token = _MICRO_BATCH.set((index, count))
    try:
        yield
    finally:
        _MICRO_BATCH.reset(token)


def local_rows(draw: Callable[[int], jax.Array], rows: int) -> jax.Array:
    """The `rows` rows at hand of what `draw(n)` gives for all n rows of the whole batch, [n, …]."""
    index, count = _MICRO_BATCH.get()
    first, total = batch_position(rows * count)
    drawn = draw(total)
    if total != rows * count:
        drawn = jax.lax.dynamic_slice_in_dim(drawn, first, rows * count)
    if count == 1:
        return drawn
    return jax.lax.dynamic_index_in_dim(drawn.reshape(rows, count, *drawn.shape[1:]), index, 1, keepdims=False)
