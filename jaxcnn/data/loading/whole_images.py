"""Whole test images at one scale, in batches of a few shapes.

The shorter side of a photograph becomes `scale` pixels; the longer side keeps its proportion. Because XLA compiles a
program for each shape, an image is placed in the top left corner of a canvas, the smallest of a few fixed shapes that
holds it. Code that reads a batch must ignore what lies outside an image's extent; results then depend neither on
the canvas nor on the other images of the batch.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from jaxcnn.data.decoding.decode import LONGEST, decode_whole, whole_shape
from jaxcnn.data.loading.pipeline import prefetched
from jaxcnn.data.sources import Record, Source, how_to_mend, place_of
from jaxcnn.errors import RunStoppedError

Batch = dict[str, np.ndarray]

# Longer to shorter side of a canvas. Most photographs are 1:1, 4:3, 3:2 or 16:9.
RATIOS = (*(Fraction(*sides) for sides in ((1, 1), (4, 3), (3, 2), (16, 9), (8, 3), (4, 1))), Fraction(LONGEST))
STEP = 32  # the longer side is rounded up to a multiple of this, in pixels, so that images of almost 4:3 fit too

RECORDS_AT_ONCE = 16


class LoadedImage(NamedTuple):
    """A record, decoded if this process needs its pixels."""

    index: int
    shape: tuple[int, int]  # height and width, pixels
    label: int
    image: np.ndarray | None  # uint8 [height, width, channels]


def canvas(height: int, width: int) -> tuple[int, int]:
    """Height and width of the smallest canvas for an image; there are at most 13 for one shorter side.

    Raises:
        ValueError: the longer side is more than `LONGEST` times the shorter one.
    """
    shorter, longer = sorted((height, width))
    for ratio in RATIOS:
        exact = -(-shorter * ratio.numerator // ratio.denominator)
        side = exact if ratio == 1 else -(-exact // STEP) * STEP
        if longer <= side:
            return (side, shorter) if height > width else (shorter, side)
    raise ValueError(f"an image of {height}×{width} pixels is more than {LONGEST} times as long as wide.")


def whole_batches(
    source: Source,
    *,
    scale: int,
    channels: int,
    rows: Callable[[int, int], int],
    shard: tuple[int, int] = (0, 1),
    threads: int | None = None,
) -> Iterator[Batch]:
    """Yields every record once. A batch comes as soon as its canvas has enough images; incomplete batches come last.

    Besides the images being decoded, at most one batch for each canvas waits in memory. With several processes, each
    reads the headers of all images to find its own ones, and decodes only those.

    Args:
        source: the records.
        scale: the shorter side of every image, pixels.
        channels: 1 or 3.
        rows: maps (height, width) of a canvas to the number of images in a batch over all processes, which must be a
            multiple of the number of processes.
        shard: (index, count) of this process, which gets its slice of the images of every batch.
        threads: number of decoding threads; by default one for each core.

    Returns:
        `{"image": uint8 [b, height, width, channels], "extent": int32 [b, 2], "label": int32 [n],
        "index": int32 [n]}` for batches of n images, of which this process has b = n / count. "extent" is height and
        width of the image itself and "index" the number of its record. Padding rows are black, with the extent and
        label of the last image and index −1.

    Raises:
        RunStoppedError: (while iterating) an image is damaged.
    """
    own = None if shard[1] == 1 else _own_records(source, scale, rows, shard, threads)

    def load(index: int, record: Record) -> LoadedImage:
        return _load(source, index, record, scale, channels, decodes=own is None or index in own)

    waiting: dict[tuple[int, int], list[LoadedImage]] = {}
    for loaded in _load_all(source, load, threads):
        shape = canvas(*loaded.shape)
        group = waiting.setdefault(shape, [])
        group.append(loaded)
        if len(group) == rows(*shape):
            yield _batch(waiting.pop(shape), (*shape, channels), rows(*shape), shard)
    for shape, group in waiting.items():
        yield _batch(group, (*shape, channels), rows(*shape), shard)


def _own_records(
    source: Source, scale: int, rows: Callable[[int, int], int], shard: tuple[int, int], threads: int | None
) -> set[int]:
    """The numbers of the records that fall into this process's slice of their batch."""

    def load(index: int, record: Record) -> LoadedImage:
        return _load(source, index, record, scale, 1, decodes=False)

    own, seen = set(), Counter[tuple[int, int]]()
    for loaded in _load_all(source, load, threads):
        shape = canvas(*loaded.shape)
        place = seen[shape] % rows(*shape)
        seen[shape] += 1
        if place * shard[1] // rows(*shape) == shard[0]:
            own.add(loaded.index)
    return own


def _load_all(source: Source, load: Callable[[int, Record], LoadedImage], threads: int | None) -> Iterator[LoadedImage]:
    """Every record in order, prefetched."""
    total = len(source)

    def load_block(block: int) -> list[LoadedImage]:
        indices = range(block * RECORDS_AT_ONCE, min((block + 1) * RECORDS_AT_ONCE, total))
        return [load(index, record) for index, record in zip(indices, source.__getitems__(indices), strict=True)]

    for block in prefetched(load_block, 0, -(-total // RECORDS_AT_ONCE), threads=threads):
        yield from block


def _load(source: Source, index: int, record: Record, scale: int, channels: int, *, decodes: bool) -> LoadedImage:
    try:
        how: Any = {"shorter_side": scale, "as_shown": source.as_shown}
        image = decode_whole(record["image"], channels=channels, **how) if decodes else None
        shape = whole_shape(record["image"], **how) if image is None else image.shape[:2]
    except ValueError as error:
        raise RunStoppedError(f"{place_of(source, index)}: {error}; {how_to_mend(source)}") from error
    return LoadedImage(index, shape, record["label"], image)


def _batch(group: list[LoadedImage], shape: tuple[int, int, int], rows: int, shard: tuple[int, int]) -> Batch:
    index, count = shard
    filled = group + [group[-1]._replace(index=-1, image=None)] * (rows - len(group))
    own = filled[index * rows // count : (index + 1) * rows // count]
    images = np.zeros((len(own), *shape), np.uint8)
    for row, loaded in enumerate(own):
        if loaded.image is not None:
            images[row, : loaded.shape[0], : loaded.shape[1]] = loaded.image
    return {
        "image": images,
        "extent": np.array([loaded.shape for loaded in own], np.int32),
        "label": np.array([loaded.label for loaded in filled], np.int32),
        "index": np.array([loaded.index for loaded in filled], np.int32),
    }
