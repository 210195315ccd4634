"""Curves of block characters."""

import numpy as np
import pytest

from jaxcnn.reporting.sparkline import BLOCKS, sparkline


@pytest.mark.parametrize("count", [1, 7, 40, 41, 1000])
def test_it_is_as_wide_as_it_may_be_and_falls_where_the_values_fall(count):
    found = sparkline(list(range(count, 0, -1)), 40)
    assert len(found) == min(count, 40)
    heights = [BLOCKS.index(block) for block in found]
    assert heights == sorted(heights, reverse=True)
    assert count == 1 or (heights[0], heights[-1]) == (7, 0)


def test_a_block_is_the_mean_of_its_values():
    values = np.random.default_rng(0).normal(size=400)
    means = values.reshape(40, 10).mean(axis=1)
    levels = np.round((means - means.min()) / np.ptp(means) * 7).astype(int)
    assert sparkline(list(values), 40) == "".join(BLOCKS[level] for level in levels)


def test_nothing_is_an_empty_curve():
    assert sparkline([], 40) == ""
