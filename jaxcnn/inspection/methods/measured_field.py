"""What of its receptive field a unit uses: Luo et al., "Understanding the Effective Receptive Field…", 2016."""

import numpy as np

from jaxcnn.inspection.network.boxes import Box

SHARE = 0.95  # of the derivative's absolute values that the measured box holds


def measured_box(derivative: np.ndarray, share: float = SHARE) -> Box | None:
    """The smallest box around the middle of a derivative that holds most of it; None where it is 0 everywhere.

    Along each side it leaves out at most half of what may be missing at either end.

    Args:
      derivative: of a unit by the image, [size, size, channels].
      share: how much of the sum of absolute values each side's interval holds; 1: all that isn't 0.
    """
    weight = np.abs(derivative.astype(np.float64)).sum(axis=-1)
    if not weight.any():
        return None
    (top, bottom), (left, right) = (_interval(weight.sum(axis=axis), share) for axis in (1, 0))
    return Box(top, left, bottom, right)


def _interval(weight: np.ndarray, share: float) -> tuple[int, int]:
    inside = np.flatnonzero(weight)
    if share >= 1:
        return int(inside[0]), int(inside[-1]) + 1
    gone = (1 - share) / 2 * weight.sum()
    first = int(np.searchsorted(np.cumsum(weight), gone, side="right"))
    last = len(weight) - 1 - int(np.searchsorted(np.cumsum(weight[::-1]), gone, side="right"))
    return first, max(last, first) + 1
