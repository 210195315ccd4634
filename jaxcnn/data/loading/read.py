"""Reading records of a source and decoding them into a batch of uint8 images; damaged ones can be replaced."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from jaxcnn.data.decoding.decode import SQUARES, Resize, Window, decode
from jaxcnn.data.sources import Source, how_to_mend, place_of
from jaxcnn.errors import RunStoppedError

Batch = dict[str, np.ndarray]

ATTEMPTS = 10  # at finding a substitute for a damaged image


class Damaged(NamedTuple):
    """A damaged image: the number of its record and the decoder's message."""

    record: int
    reason: str


class Substitutes(Protocol):
    """Chooses the record that replaces a damaged one in a row of the batch; `attempt` counts from 0."""

    def __call__(self, row: int, attempt: int) -> int: ...


OnDamage = Callable[[Damaged], None]


class ChooseWindow(Protocol):
    """Chooses the window of a width × height image that becomes size × size, from `draws` random numbers in [0, 1)."""

    draws: ClassVar[int]

    def __call__(self, width: int, height: int, size: int, draws: np.ndarray) -> Window: ...


def read_batch(
    source: Source,
    indices: Sequence[int] | np.ndarray,
    *,
    size: int,
    channels: int,
    resize: Resize = "shorter_side",
    crop: ChooseWindow | None = None,
    draws: np.ndarray | None = None,
    substitute: Substitutes | None = None,
    on_damage: OnDamage | None = None,
) -> Batch:
    """Reads and decodes the records with the given numbers.

    Args:
        source: the records.
        indices: their numbers, n of them.
        size, channels: side in pixels and channels of the decoded images.
        resize: how a whole image becomes a square, where no `crop` is given.
        crop: chooses the window of each image.
        draws: random numbers for `crop`, [n, crop.draws].
        substitute: chooses a replacement for a damaged image; without it, damage is an error.
        on_damage: called with every damaged image that was replaced.

    Returns:
        `{"image": uint8 [n, size, size, channels], "label": int32 [n]}`.

    Raises:
        RunStoppedError: a damaged image couldn't be replaced; the message names the data set and the record.
    """
    images = np.empty((len(indices), size, size, channels), np.uint8)
    labels = np.empty(len(indices), np.int32)
    for row, record in enumerate(source.__getitems__(indices)):
        choose = SQUARES[resize]
        if crop is not None and draws is not None:
            choose = functools.partial(crop, size=size, draws=draws[row])
        place = int(indices[row])
        for attempt in range(ATTEMPTS + 1):
            try:
                how: Any = {"choose": choose, "quick": crop is not None, "as_shown": source.as_shown}
                images[row] = decode(record["image"], size=size, channels=channels, **how)
                break
            except ValueError as error:
                if substitute is None or attempt == ATTEMPTS:
                    raise RunStoppedError(f"{place_of(source, place)}: {error}; {how_to_mend(source)}") from error
                if on_damage is not None:
                    on_damage(Damaged(place, str(error)))
                place = substitute(row, attempt)
                record = source.__getitems__([place])[0]
        labels[row] = record["label"]
    return {"image": images, "label": labels}


def neighbours(indices: Sequence[int] | np.ndarray, total: int) -> Substitutes:
    """Replaces each damaged record by the next undamaged one; for results that don't depend on a seed."""
    return lambda row, attempt: (int(indices[row]) + 1 + attempt) % total
