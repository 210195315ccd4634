"""Occlusion: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", 2013, §4.2.

A square of the image's mean colour is moved over the image; where the class's probability falls, the network looked.
"""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import softmax

SHARE = 0.25  # of the image's side that the square covers
MACS = 3e11  # of the network, for all occluded images
FEWEST, MOST = 5, 15  # positions along a side


def positions_along(macs: int, images: int) -> int:
    """How many positions along a side the square takes, by what the network costs."""
    return int(np.clip(np.sqrt(MACS / (macs * max(images, 1))), FEWEST, MOST))


def starts(size: int, count: int) -> tuple[np.ndarray, int]:
    """(the first pixels of `count` positions, the first and last of which touch the border; the square's side)."""
    side = max(round(SHARE * size), 1)
    return np.round(np.linspace(0, size - side, count)).astype(int), side


def occluded(image: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """The image with the square at each of `count`×`count` positions, row by row. image: float32 [size, size, c]."""
    begin, side = starts(image.shape[0], count)
    colour = image.mean(axis=(0, 1))
    for top in begin:
        for left in begin:
            changed = image.copy()
            changed[top : top + side, left : left + side] = colour
            yield changed


def occlusion_map(scores: Callable[[np.ndarray], np.ndarray], image: np.ndarray, label: int, count: int) -> np.ndarray:
    """The probability of a class for each position of the square.

    Args:
      scores: the network: float32 [images, size, size, channels] → [images, classes].
      image: float32 [size, size, channels], as the network takes it.
      label: the class.
      count: positions along a side.

    Returns:
      float32 [count, count].
    """
    found = scores(np.stack(list(occluded(image, count))))
    return softmax(found, axis=1)[:, label].reshape(count, count)


def fall_in_each_pixel(probabilities: np.ndarray, whole: float, size: int) -> np.ndarray:
    """By how much the probability falls, at each pixel the mean over the positions that cover it.

    Args:
      probabilities: of `occlusion_map`, [count, count].
      whole: that of the whole image.
      size: of the image, pixels.

    Returns:
      float32 [size, size]; 0 where no position covers a pixel.
    """
    begin, side = starts(size, len(probabilities))
    sums, counts = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    for row, top in enumerate(begin):
        for column, left in enumerate(begin):
            place = (slice(top, top + side), slice(left, left + side))
            sums[place] += whole - probabilities[row, column]
            counts[place] += 1
    return sums / np.maximum(counts, 1)
