"""The vectorised resizer against Pillow's."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from jaxcnn.data.decoding.resize import resize

# Not up to black and white: what overshoots them is clipped between two passes, which Pillow takes in another order.
NOISE = np.random.default_rng(0).integers(64, 192, (70, 90, 3), np.uint8)


def sides(limit: int) -> st.SearchStrategy[tuple[float, float]]:
    """Begin and end within 0 … limit, at least a pixel apart; the edges themselves as often as not."""
    begins = st.one_of(st.just(0.0), st.floats(0, limit - 1))
    return begins.flatmap(lambda a: st.tuples(st.just(a), st.one_of(st.just(float(limit)), st.floats(a + 1, limit))))


# Rounding twice between cubic passes: two of 255 apart.
@example((50.25870940559958, 90.0), (1.265625, 50.28125), (39, 98), Image.Resampling.BICUBIC, 1)
@given(
    across=sides(90),
    down=sides(70),
    size=st.tuples(st.integers(1, 120), st.integers(1, 120)),
    resampling=st.sampled_from([Image.Resampling(number) for number in (0, 2, 3, 4)]),
    channels=st.sampled_from([1, 3]),
)
def test_any_window_is_pillows(across, down, size, resampling, channels):
    box = (across[0], down[0], across[1], down[1])
    pixels = NOISE[:, :, :channels]
    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    expected = np.asarray(image.resize(size, resampling, box=box)).reshape(size[1], size[0], channels)
    found = resize(pixels, box, size, resampling)
    assert found.dtype == np.uint8 and found.shape == expected.shape
    # Both round between their two passes, each by up to a half, which the second pass weighs; a cubic filter's weights
    # come to more than 1 without their signs.
    allowed = 2 if resampling == Image.Resampling.BICUBIC else 1
    assert np.abs(found.astype(int) - expected).max() <= allowed


def test_a_window_of_that_very_shape_is_bit_equal():
    np.testing.assert_array_equal(
        resize(NOISE, (10, 20, 40, 60), (30, 40), Image.Resampling.BICUBIC), NOISE[20:60, 10:40]
    )


@pytest.mark.parametrize("threads", [8])
def test_threads_do_not_disturb_each_other(threads):
    from concurrent.futures import ThreadPoolExecutor

    boxes = [(i % 30, i % 20, 90 - i % 7, 70 - i % 11) for i in range(64)]
    expected = [resize(NOISE, box, (40, 40), Image.Resampling.BILINEAR) for box in boxes]
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda box: resize(NOISE, box, (40, 40), Image.Resampling.BILINEAR), boxes))
    np.testing.assert_array_equal(found, expected)
