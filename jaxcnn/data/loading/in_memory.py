"""A whole split in host memory, for sets that fit (MNIST, CIFAR)."""

import itertools
from collections.abc import Iterator

import numpy as np

from jaxcnn.data.loading.cache import cache_file, load_or_compute
from jaxcnn.data.loading.pipeline import prefetched
from jaxcnn.data.loading.read import Batch, Damaged, OnDamage, neighbours, read_batch
from jaxcnn.data.sources import Source

RESIDENT_PIXELS = 64  # data sets of pictures up to this size are held in memory as a whole

RECORDS_AT_ONCE = 512


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


def evaluation_batches(whole: Batch, batch_size: int) -> Iterator[Batch]:
    """A data set in host memory as padded, masked batches: each record counts once."""
    total = len(whole["label"])
    for start in itertools.count(0, batch_size):
        if start >= total:
            return
        places = np.arange(start, start + batch_size)
        mask = (places < total).astype(np.float32)
        yield {**{name: rows[np.minimum(places, total - 1)] for name, rows in whole.items()}, "mask": mask}
