"""Records of a source, decoded into a batch of uint8 pictures; another record takes a damaged one's place."""

import functools
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from jaxcnn.data.decoding.decode import Window, central_square, decode
from jaxcnn.data.sources import Source, how_to_mend
from jaxcnn.errors import RunStoppedError

Batch = dict[str, np.ndarray]

ATTEMPTS = 10  # to find a substitute for a damaged picture


class Damaged(NamedTuple):
    """A picture that could not be read."""

    record: int
    reason: str


class Substitutes(Protocol):
    """Names a record to take the place of a damaged one in a row of the batch; `attempt` counts from 0."""

    def __call__(self, row: int, attempt: int) -> int: ...


OnDamage = Callable[[Damaged], None]


class Crop(Protocol):
    """Chooses a window of a width × height picture, to become size × size, by `draws` random numbers in [0, 1)."""

    draws: ClassVar[int]

    def __call__(self, width: int, height: int, size: int, draws: np.ndarray) -> Window: ...


def read_batch(
    source: Source,
    indices: Sequence[int] | np.ndarray,
    *,
    size: int,
    channels: int,
    crop: Crop | None = None,
    draws: np.ndarray | None = None,
    substitute: Substitutes | None = None,
    on_damage: OnDamage | None = None,
) -> Batch:
    """Reads and decodes the records of the given numbers, each straight into its row.

    Args:
        source, indices: the records.
        size, channels: what every picture becomes.
        crop, draws: the window of each picture and its random numbers, [n, crop.draws]; by default the
            central square.
        substitute: for each damaged picture, the record that takes its place.
        on_damage: told of every damaged picture that was replaced.

    Returns:
        `{"image": uint8 [n, size, size, channels], "label": int32 [n]}`.

    Raises:
        RunStoppedError: a picture is damaged, and nothing replaces it; the message names the data set and the record.
    """
    images = np.empty((len(indices), size, size, channels), np.uint8)
    labels = np.empty(len(indices), np.int32)
    for row, record in enumerate(source.__getitems__(indices)):
        choose = central_square
        if crop is not None and draws is not None:
            choose = functools.partial(crop, size=size, draws=draws[row])
        place = int(indices[row])
        for attempt in range(ATTEMPTS + 1):
            try:
                images[row] = decode(
                    record["image"], size=size, channels=channels, choose=choose, quick=crop is not None
                )
                break
            except ValueError as error:
                if substitute is None or attempt == ATTEMPTS:
                    raise RunStoppedError(
                        f"{source.name}, {source.split} split, record {place}: {error}; {how_to_mend(source)}"
                    ) from error
                if on_damage is not None:
                    on_damage(Damaged(place, str(error)))
                place = substitute(row, attempt)
                record = source.__getitems__([place])[0]
        labels[row] = record["label"]
    return {"image": images, "label": labels}


def neighbours(indices: Sequence[int] | np.ndarray, total: int) -> Substitutes:
    """For each damaged record the next one that isn't: where there is no seed to choose by."""
    return lambda row, attempt: (int(indices[row]) + 1 + attempt) % total
