"""Gradient accumulation: a large batch as several small ones, one after another, in the memory of one of them.

Micro-batch m of n holds the rows m, m + n, m + 2n, … of the batch. So each device's part of the batch gives every
micro-batch an equal share, and no row moves between devices. Random numbers stay those of the rows of the whole
batch (`batch_rows.micro_batch`), and the mean of the micro-batches' mean gradients is the batch's mean gradient: the
result is the large batch's, but for the rounding. Batch normalisation is the exception: it sees a micro-batch at a
time, and its running averages take n small steps.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.models.sharding.batch_rows import micro_batch
from jaxcnn.training.barrier import zero_after

Tree = Any
Part = Callable[[Tree, Tree], tuple[Tree, Tree, Tree]]


def split(batch: Tree, count: int) -> Tree:
    """Arrays [rows, …] as [count, rows / count, …], row r in micro-batch r mod count."""
    return jax.tree.map(lambda x: jnp.swapaxes(x.reshape(x.shape[0] // count, count, *x.shape[1:]), 0, 1), batch)


def accumulate(part: Part, batch: Tree, carried: Tree, count: int) -> tuple[Tree, Tree, Tree]:
    """Runs `part(micro-batch, carried) -> (means, sums, carried)` on each micro-batch of `batch`, in order.

    Args:
      part: returns what is averaged over the micro-batches, what is summed, and what is passed to the next one.
      batch: arrays [rows, …]; `count` divides the rows.
      carried: the value that the first micro-batch receives.
      count: of micro-batches.

    Returns:
      (the means, the sums, what the last micro-batch passed on).
    """
    if count == 1:
        return part(batch, carried)

    micro = split(batch, count)
    # Convolutions in a loop are many times slower on CPU; elsewhere a loop is compiled once for all micro-batches.
    means, sums, carried = jax.lax.platform_dependent(
        micro, carried, cpu=partial(one_after_another, part, count), default=partial(in_a_loop, part, count)
    )
    return jax.tree.map(lambda x: x / count, means), sums, carried


def in_a_loop(part: Part, count: int, micro: Tree, carried: Tree) -> tuple[Tree, Tree, Tree]:
    """Sums by `lax.scan`; `micro` comes from `split`."""

    def body(so_far: Tree, indexed: Tree) -> tuple[Tree, None]:
        index, rows = indexed
        means, sums, carried = so_far
        with micro_batch(index, count):
            more_means, more_sums, carried = part(rows, carried)
        return (*jax.tree.map(jnp.add, (means, sums), (more_means, more_sums)), carried), None

    shapes = jax.eval_shape(part, jax.tree.map(lambda x: x[0], micro), carried)[:2]
    means, sums = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    total, _ = jax.lax.scan(body, (means, sums, carried), (jnp.arange(count), micro))
    return total


def one_after_another(part: Part, count: int, micro: Tree, carried: Tree) -> tuple[Tree, Tree, Tree]:
    """The same, unrolled; each micro-batch waits for the one before it.

    A compiler is free to compute independent things at once, and then all of them need their memory at once.
    """
    total = None
    for index in range(count):
        rows = jax.tree.map(lambda x, index=index: x[index], micro)
        if total is not None:
            rows = {**rows, "image": rows["image"] + zero_after(total).astype(rows["image"].dtype)}
        with micro_batch(index, count):
            *more, carried = part(rows, carried)
        total = tuple(more) if total is None else jax.tree.map(jnp.add, total, tuple(more))
    assert total is not None, "there is at least one micro-batch"
    return (*total, carried)
