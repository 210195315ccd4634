"""A whole split in host memory, for data sets of small images (MNIST, CIFAR)."""

import itertools
from collections.abc import Iterator

import numpy as np

from jaxcnn.data.decoding.decode import Resize
from jaxcnn.data.loading.cache import cache_file, load_or_compute
from jaxcnn.data.loading.pipeline import prefetched
from jaxcnn.data.loading.read import Batch, Damaged, OnDamage, neighbours, read_batch
from jaxcnn.data.sources import Source

RESIDENT_PIXELS = 64  # the largest image side, in pixels, with which a whole data set is kept in memory

RECORDS_AT_ONCE = 512


def load_resident(
    source: Source,
    *,
    size: int,
    channels: int,
    resize: Resize = "shorter_side",
    on_damage: OnDamage | None = None,
) -> Batch:
    """All images of a split in the order of their records.

    The result is cached beside the data set if that folder is writable and no image is damaged.

    Args:
        source, size, channels, resize: as for `read_batch`.
        on_damage: called with every damaged image, which the next undamaged record then replaces; for training only.

    Returns:
        `{"image": uint8 [n, size, size, channels], "label": int32 [n]}`.

    Raises:
        RunStoppedError: an image is damaged and `on_damage` is None.
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
                resize=resize,
                substitute=neighbours(records, total) if on_damage is not None else None,
                on_damage=damaged.append,
            )

        for start, batch in zip(starts, prefetched(load, 0, len(starts)), strict=True):
            images[start : start + RECORDS_AT_ONCE] = batch["image"]
            labels[start : start + RECORDS_AT_ONCE] = batch["label"]
        return {"image": images, "label": labels}

    path = cache_file(source, "decoded", size=size, channels=channels, resize=resize)
    arrays = load_or_compute(path, decode_all, keep=lambda: not damaged)
    for damage in sorted(damaged):
        assert on_damage is not None, "without on_damage, the first damaged image raises"
        on_damage(damage)
    return arrays


def evaluation_batches(whole: Batch, batch_size: int) -> Iterator[Batch]:
    """A split in host memory as padded, masked batches, so that each record counts once.

    Args:
        whole: arrays of one length, among them "label".
        batch_size: rows of every batch.

    Returns:
        An iterator of dictionaries with the same arrays and "mask", float32 [batch_size], 0 for padding.
    """
    total = len(whole["label"])
    for start in itertools.count(0, batch_size):
        if start >= total:
            return
        places = np.arange(start, start + batch_size)
        mask = (places < total).astype(np.float32)
        yield {**{name: rows[np.minimum(places, total - 1)] for name, rows in whole.items()}, "mask": mask}
