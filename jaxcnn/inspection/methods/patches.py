"""The units of a place and the nine images that excite each of them most, after Zeiler & Fergus 2013, figure 2."""

from typing import NamedTuple

import numpy as np

from jaxcnn.inspection.network.boxes import Box
from jaxcnn.inspection.network.graph import Stage
from jaxcnn.inspection.network.programs import unit_of

NINE = 9
UNITS = 4  # of each place


class Patch(NamedTuple):
    """One of the patches that excite a channel most.

    Attributes:
        image: its number among the surveyed images.
        unit: (row, column, channel).
        value: of the unit.
        box: what it sees.
    """

    image: int
    unit: tuple[int, int, int]
    value: float
    box: Box


def live_channels(strongest: np.ndarray, count: int, seed: int) -> list[int]:
    """Some channels, drawn by the seed, that respond to some images more than to others, in their order.

    strongest: the largest value of each channel in each image, [images, channels].
    """
    responds = np.flatnonzero((strongest.max(axis=0) > 0) & (np.ptp(strongest, axis=0) > 0))
    return sorted(np.random.default_rng(seed).permutation(responds)[:count].tolist())


def strongest_patches(stage: Stage, strongest: np.ndarray, where: np.ndarray, channel: int) -> list[Patch]:
    """The nine patches that excite a channel most, one of each image, the strongest first; of equals, the first image.

    Args:
      stage: the place.
      strongest, where: of the survey, [images, channels].
      channel: of the place.
    """
    order = np.argsort(-strongest[:, channel], kind="stable")[:NINE]
    found = []
    for image in order.tolist():
        row, column, _ = unit = unit_of(stage, where[image, channel], channel)
        box = stage.fields.box(channel, row, column)
        found.append(Patch(image, unit, float(strongest[image, channel]), box))
    return found
