"""The mean image of a training set, which AlexNet subtracts from every input (§2)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxcnn.data.decoding.decode import Resize
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
    resize: Resize = "shorter_side",
    cache_dir: Path | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> np.ndarray:
    """The mean over all images of a split, pixel by pixel, after `decode`.

    The sum is in 64-bit integers, so that the result doesn't depend on the order of summation. The next undamaged
    record replaces a damaged image.

    Args:
        source: the training split.
        size, channels, resize: side in pixels, channels and way of resizing of the decoded images.
        cache_dir: where to cache the result; by default beside the data set, if that folder is writable.
        progress: called with (what, images done, images in total).

    Returns:
        float32 [size, size, channels], 0–255.

    Raises:
        RunStoppedError: a file is damaged, or an image and the ten records after it.
    """
    total = len(source)

    def compute() -> dict[str, np.ndarray]:
        blocks = -(-total // RECORDS_AT_ONCE)

        def load(block: int) -> np.ndarray:
            records = range(block * RECORDS_AT_ONCE, min((block + 1) * RECORDS_AT_ONCE, total))
            others = neighbours(records, total)
            batch = read_batch(source, records, size=size, channels=channels, resize=resize, substitute=others)
            return batch["image"].sum(axis=0, dtype=np.int64)

        summed = np.zeros((size, size, channels), np.int64)
        for block, part in enumerate(prefetched(load, 0, blocks), start=1):
            summed += part
            if progress:
                progress(f"mean image of {source.name}", min(block * RECORDS_AT_ONCE, total), total)
        return {"mean": (summed / total).astype(np.float32)}

    path = cache_file(source, "mean", size=size, channels=channels, resize=resize, folder=cache_dir)
    return load_or_compute(path, compute)["mean"]
