"""The windows of whole images, against loops, and against the papers' counts."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.evaluation.windows import grid, three_squares

sides = st.integers(8, 40)


@settings(deadline=None, max_examples=30)
@given(sides, sides, st.integers(1, 8))
def test_the_grid_goes_from_border_to_border(height, width, size):
    """25 windows, twice for the mirror image: VGG's 50 a scale."""
    ((corners, side),) = grid(jnp.array([[height, width], [8, 8]], jnp.int32), size, 8)
    assert side == size and corners.shape == (25, 2, 2) and corners.dtype == jnp.int32
    expected = [(y, x) for y in np.linspace(0, height - size, 5) for x in np.linspace(0, width - size, 5)]
    assert np.abs(np.asarray(corners)[:, 0] - np.array(expected)).max() <= 0.5
    assert {tuple(corner) for corner in np.asarray(corners[:, 0]).tolist()} >= {
        (y, x) for y in (0, height - size) for x in (0, width - size)
    }


def squares_by_loop(height: int, width: int, size: int) -> tuple[list, list]:
    """GoogLeNet §7, as it is told: squares, then what is cut out of each."""
    scale = min(height, width)
    whole, crops = [], []
    for place in ("first", "centre", "last"):
        room = max(height, width) - scale
        offset = {"first": 0, "centre": room // 2, "last": room}[place]
        top, left = (offset, 0) if height > width else (0, offset)
        whole.append((top, left))
        for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
            crops.append((top + y * (scale - size), left + x * (scale - size)))
        crops.append((top + (scale - size) // 2, left + (scale - size) // 2))
    return whole, crops


@settings(deadline=None, max_examples=30)
@given(st.integers(8, 40), st.integers(0, 30), st.booleans(), st.integers(1, 8))
def test_three_squares_and_five_crops_of_each(scale, more, portrait, size):
    """18, twice for the mirror image, at four scales: GoogLeNet's 144."""
    height, width = (scale + more, scale) if portrait else (scale, scale + more)
    whole, crops = three_squares(jnp.array([[height, width]], jnp.int32), size, scale)
    expected_squares, expected_crops = squares_by_loop(height, width, size)
    assert (whole.side, crops.side) == (scale, size) and len(expected_squares + expected_crops) * 2 * 4 == 144
    np.testing.assert_array_equal(whole.corners[:, 0], expected_squares)
    np.testing.assert_array_equal(crops.corners[:, 0], expected_crops)


@pytest.mark.parametrize("choose", [grid, three_squares])
def test_windows_lie_inside_of_their_own_image(choose):
    extents = np.array([(224, 224), (224, 336), (400, 224)], np.int32)
    for corners, side in choose(jnp.asarray(extents), 224, 224):
        assert np.asarray(corners).min() >= 0
        assert (np.asarray(corners) + side <= extents[None]).all()
