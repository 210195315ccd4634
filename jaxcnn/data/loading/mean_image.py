"""The mean picture of a training set, which AlexNet subtracts from every input (§2)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxcnn.data.loading.cache import cache_file, load_or_compute
from jaxcnn.data.loading.pipeline import prefetched
from jaxcnn.data.loading.read import neighbours, read_batch
from jaxcnn.data.sources import Source

RECORDS_AT_ONCE = 128


def mean_image(
    source: Source,
    *,
    size: int,
    channels: int,
    cache_dir: Path | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> np.ndarray:
    """The mean over all pictures of a split, pixel by pixel, as `decode` gives them.

    Summed in 64-bit integers, so that the result doesn't depend on the order of summation. Where a picture is
    damaged its next neighbour counts twice.

    Args:
        source: the training split.
        size, channels: what every picture becomes.
        cache_dir: where to keep the result; beside the data set if None, and nowhere if that can't be.
        progress: called with (what, pictures so far, pictures in all).

    Returns:
        float32 [size, size, channels], 0–255.

    Raises:
        RunStoppedError: a file is damaged, or a picture and its next ten neighbours.
    """
    total = len(source)

    def compute() -> dict[str, np.ndarray]:
        blocks = -(-total // RECORDS_AT_ONCE)

        def load(block: int) -> np.ndarray:
            records = range(block * RECORDS_AT_ONCE, min((block + 1) * RECORDS_AT_ONCE, total))
            pictures = read_batch(source, records, size=size, channels=channels, substitute=neighbours(records, total))
            return pictures["image"].sum(axis=0, dtype=np.int64)

        summed = np.zeros((size, size, channels), np.int64)
        for block, part in enumerate(prefetched(load, 0, blocks), start=1):
            summed += part
            if progress:
                progress(f"mean image of {source.name}", min(block * RECORDS_AT_ONCE, total), total)
        return {"mean": (summed / total).astype(np.float32)}

    return load_or_compute(cache_file(source, "mean", size=size, channels=channels, folder=cache_dir), compute)["mean"]
