"""A test set for data that has none: about every tenth image, chosen by a hash of its content.

The choice depends neither on names nor on the order, and not on the other images either: images that are added later
don't make a training image of a test image. Equal files are on the same side.
"""

import hashlib
from collections.abc import Callable

import numpy as np

EVERY = 10
_KEPT = 4  # data sets
_known: dict[str, np.ndarray] = {}


def content_hash(content: bytes) -> int:
    """64 bits of BLAKE2b."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")


def held_out(hashes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which images are the test set.

    A class with two different images or more has at least one on either side; a class with only one keeps it for
    training.

    Args:
        hashes: of the images' contents, uint64 [n].
        labels: int [n].

    Returns:
        bool [n].
    """
    chosen = hashes % np.uint64(EVERY) == 0
    order = np.argsort(labels, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        own = hashes[members]
        lowest = own == own.min(initial=np.iinfo(np.uint64).max)
        if lowest.all():
            chosen[members] = False
        elif chosen[members].all():
            chosen[members] = ~lowest
        elif not chosen[members].any():
            chosen[members] = lowest
    return chosen


def remembered(key: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
    """The result of `compute` for this version of some files, kept in memory for the other split."""
    if key not in _known:
        while len(_known) >= _KEPT:
            _known.pop(next(iter(_known)))
        _known[key] = compute()
    return _known[key]
