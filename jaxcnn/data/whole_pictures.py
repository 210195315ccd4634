"""Whole test pictures at one scale, in batches of few shapes.

A photograph's shorter side becomes `scale` pixels, and its longer side what it may. Each shape would need a program
of its own, so each picture lies in the top left corner of a canvas: of the few allowed shapes, the smallest that
holds it. What reads a batch must not look beyond a picture's extent; then results don't
depend on the canvas, nor on which pictures share a batch.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from jaxcnn.data.decode import LONGEST, decode_whole
from jaxcnn.data.pipeline import prefetched
from jaxcnn.data.sources import Source
from jaxcnn.errors import RunStoppedError

Batch = dict[str, np.ndarray]

# Of a canvas, its longer side to its shorter one. Most photographs are 1:1, 4:3, 3:2 or 16:9.
RATIOS = (*(Fraction(*sides) for sides in ((1, 1), (4, 3), (3, 2), (16, 9), (8, 3), (4, 1))), Fraction(LONGEST))
STEP = 32  # a canvas longer than wide is rounded up to a multiple of so many pixels, for the almost 4:3

RECORDS_AT_ONCE = 16


class Picture(NamedTuple):
    """A decoded record."""

    index: int
    image: np.ndarray  # uint8 [height, width, channels]
    label: int


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
    source: Source, *, scale: int, channels: int, rows: Callable[[int, int], int], threads: int | None = None
) -> Iterator[Batch]:
    """Every record once, as soon as there are enough of a canvas to fill a batch; what is left over comes last.

    At most one batch a canvas waits in memory, beside what is being decoded.

    Args:
        source: the records.
        scale: the shorter side of every picture, pixels.
        channels: 1 or 3.
        rows: (height, width) of a canvas → pictures in a batch.
        threads: how many decode; by default one a core.

    Returns:
        `{"image": uint8 [b, height, width, channels], "extent": int32 [b, 2], "label": int32 [b],
        "index": int32 [b]}`; extent is the picture's own height and width, index its record. Rows behind the
        last picture repeat it, with index −1.

    Raises:
        RunStoppedError: a picture is damaged.
    """
    total = len(source)

    def load(block: int) -> list[Picture]:
        indices = range(block * RECORDS_AT_ONCE, min((block + 1) * RECORDS_AT_ONCE, total))
        return [
            Picture(index, _decoded(source, index, record["image"], scale, channels), record["label"])
            for index, record in zip(indices, source.__getitems__(indices), strict=True)
        ]

    waiting: dict[tuple[int, int], list[Picture]] = {}
    for block in prefetched(load, 0, -(-total // RECORDS_AT_ONCE), threads=threads):
        for picture in block:
            shape = canvas(*picture.image.shape[:2])
            group = waiting.setdefault(shape, [])
            group.append(picture)
            if len(group) == rows(*shape):
                yield _batch(waiting.pop(shape), shape, rows(*shape))
    for shape, group in waiting.items():
        yield _batch(group, shape, rows(*shape))


def _decoded(source: Source, index: int, image: bytes | np.ndarray, scale: int, channels: int) -> np.ndarray:
    try:
        return decode_whole(image, shorter_side=scale, channels=channels)
    except ValueError as error:
        raise RunStoppedError(
            f"{source.name}, {source.split} split, record {index}: {error}; prepare the data set anew"
        ) from error


def _batch(pictures: list[Picture], shape: tuple[int, int], rows: int) -> Batch:
    images = np.zeros((rows, *shape, pictures[0].image.shape[-1]), np.uint8)
    indices = np.full(rows, -1, np.int32)
    filled = pictures + [pictures[-1]] * (rows - len(pictures))
    for row, picture in enumerate(filled):
        height, width = picture.image.shape[:2]
        images[row, :height, :width] = picture.image
    indices[: len(pictures)] = [picture.index for picture in pictures]
    return {
        "image": images,
        "extent": np.array([picture.image.shape[:2] for picture in filled], np.int32),
        "label": np.array([picture.label for picture in filled], np.int32),
        "index": indices,
    }
