"""A curve of block characters, for a terminal."""

import itertools
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int) -> str:
    """A character for each value, or for the mean of some where there are more than `width`.

    >>> sparkline([8, 4, 2, 1, 1], 10), sparkline([8, 8, 1, 1], 2), sparkline([3, 3], 10)
    ('█▄▂▁▁', '█▁', '▁▁')
    """
    count = min(len(values), width)
    edges = [place * len(values) // count for place in range(count + 1)] if count else [0]
    means = [sum(values[start:stop]) / (stop - start) for start, stop in itertools.pairwise(edges)]
    low, high = min(means, default=0.0), max(means, default=0.0)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((mean - low) * scale)] for mean in means)
