"""Whole test pictures at one scale, in batches of few shapes.

A photograph's shorter side becomes `scale` pixels, and its longer side what it may. Each shape would need a program
of its own, so each picture lies in the top left corner of a canvas: of the few allowed shapes, the smallest that
holds it. What reads a batch must not look beyond a picture's extent; then results don't
depend on the canvas, nor on which pictures share a batch.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from jaxcnn.data.decoding.decode import LONGEST, decode_whole, whole_shape
from jaxcnn.data.loading.pipeline import prefetched
from jaxcnn.data.sources import Record, Source, how_to_mend
from jaxcnn.errors import RunStoppedError

Batch = dict[str, np.ndarray]

# Of a canvas, its longer side to its shorter one. Most photographs are 1:1, 4:3, 3:2 or 16:9.
RATIOS = (*(Fraction(*sides) for sides in ((1, 1), (4, 3), (3, 2), (16, 9), (8, 3), (4, 1))), Fraction(LONGEST))
STEP = 32  # a canvas longer than wide is rounded up to a multiple of so many pixels, for the almost 4:3

RECORDS_AT_ONCE = 16


class Picture(NamedTuple):
    """A record, decoded if this process has it."""

    index: int
    shape: tuple[int, int]  # height and width
    label: int
    image: np.ndarray | None  # uint8 [height, width, channels]


def canvas(height: int, width: int) -> tuple[int, int]:
    """Height and width of the smallest canvas for a picture; at most 13 answers for one shorter side."""
    shorter, longer = sorted((height, width))
    for ratio in RATIOS:
        exact = -(-shorter * ratio.numerator // ratio.denominator)
        side = exact if ratio == 1 else -(-exact // STEP) * STEP
        if longer <= side:
            return (side, shorter) if height > width else (shorter, side)
    raise ValueError(f"a picture of {height}×{width} pixels is more than {LONGEST} times as long as wide.")


def whole_batches(
    source: Source,
    *,
    scale: int,
    channels: int,
    rows: Callable[[int, int], int],
    shard: tuple[int, int] = (0, 1),
    threads: int | None = None,
) -> Iterator[Batch]:
    """Every record once, as soon as there are enough of a canvas to fill a batch; what is left over comes last.

    At most one batch a canvas waits in memory, beside what is being decoded. Of several processes each reads all
    headers, which say whose a picture is, and decodes its own.

    Args:
        source: the records.
        scale: the shorter side of every picture, pixels.
        channels: 1 or 3.
        rows: (height, width) of a canvas → pictures in a batch over all processes, a multiple of their number.
        shard: (index, count) of this process: it gets its slice of every batch's pictures.
        threads: how many decode; by default one a core.

    Returns:
        `{"image": uint8 [b, height, width, channels], "extent": int32 [b, 2], "label": int32 [n],
        "index": int32 [n]}` for n pictures in a batch and b = n / count of them this process's; extent is the picture's
        own height and width, index its record. Rows behind the last picture are black ones of its extent, with
        its label and index −1.

    Raises:
        RunStoppedError: a picture is damaged.
    """
    own = None if shard[1] == 1 else _own_records(source, scale, rows, shard, threads)

    def load(index: int, record: Record) -> Picture:
        return _picture(source, index, record, scale, channels, decodes=own is None or index in own)

    waiting: dict[tuple[int, int], list[Picture]] = {}
    for picture in _pictures(source, load, threads):
        shape = canvas(*picture.shape)
        group = waiting.setdefault(shape, [])
        group.append(picture)
        if len(group) == rows(*shape):
            yield _batch(waiting.pop(shape), (*shape, channels), rows(*shape), shard)
    for shape, group in waiting.items():
        yield _batch(group, (*shape, channels), rows(*shape), shard)


def _own_records(
    source: Source, scale: int, rows: Callable[[int, int], int], shard: tuple[int, int], threads: int | None
) -> set[int]:
    """The records whose place in their batch is this process's."""

    def load(index: int, record: Record) -> Picture:
        return _picture(source, index, record, scale, 1, decodes=False)

    own, seen = set(), Counter[tuple[int, int]]()
    for picture in _pictures(source, load, threads):
        shape = canvas(*picture.shape)
        place = seen[shape] % rows(*shape)
        seen[shape] += 1
        if place * shard[1] // rows(*shape) == shard[0]:
            own.add(picture.index)
    return own


def _pictures(source: Source, load: Callable[[int, Record], Picture], threads: int | None) -> Iterator[Picture]:
    """Every record in its order, loaded ahead."""
    total = len(source)

    def load_block(block: int) -> list[Picture]:
        indices = range(block * RECORDS_AT_ONCE, min((block + 1) * RECORDS_AT_ONCE, total))
        return [load(index, record) for index, record in zip(indices, source.__getitems__(indices), strict=True)]

    for block in prefetched(load_block, 0, -(-total // RECORDS_AT_ONCE), threads=threads):
        yield from block


def _picture(source: Source, index: int, record: Record, scale: int, channels: int, *, decodes: bool) -> Picture:
    try:
        image = decode_whole(record["image"], shorter_side=scale, channels=channels) if decodes else None
        shape = whole_shape(record["image"], shorter_side=scale) if image is None else image.shape[:2]
    except ValueError as error:
        raise RunStoppedError(
            f"{source.name}, {source.split} split, record {index}: {error}; {how_to_mend(source)}"
        ) from error
    return Picture(index, shape, record["label"], image)


def _batch(pictures: list[Picture], shape: tuple[int, int, int], rows: int, shard: tuple[int, int]) -> Batch:
    index, count = shard
    filled = pictures + [pictures[-1]._replace(index=-1, image=None)] * (rows - len(pictures))
    own = filled[index * rows // count : (index + 1) * rows // count]
    images = np.zeros((len(own), *shape), np.uint8)
    for row, picture in enumerate(own):
        if picture.image is not None:
            images[row, : picture.shape[0], : picture.shape[1]] = picture.image
    return {
        "image": images,
        "extent": np.array([picture.shape for picture in own], np.int32),
        "label": np.array([picture.label for picture in filled], np.int32),
        "index": np.array([picture.index for picture in filled], np.int32),
    }
