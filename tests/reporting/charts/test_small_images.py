"""Thumbnails and filters as PNG."""

import io

import numpy as np
import pytest
from PIL import Image

from jaxcnn.reporting.charts.small_images import GAP, filter_grid, thumbnail


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_small_image_stays_as_it_is_and_a_large_one_keeps_its_shape(channels):
    image = np.random.default_rng(0).integers(0, 256, (20, 10, channels), np.uint8)
    np.testing.assert_array_equal(np.asarray(opened(thumbnail(image, 96))).reshape(image.shape), image)
    assert opened(thumbnail(image.repeat(20, 0).repeat(20, 1), 96)).size == (48, 96)


@pytest.mark.parametrize(("channels", "shown"), [(1, 1), (3, 3), (4, 1)])
def test_every_filter_is_stretched_and_in_its_place(channels, shown):
    filters = np.random.default_rng(1).normal(size=(5, 5, channels, 7)).astype(np.float32)
    filters[..., 3] = 2.0  # has no range to be stretched
    grid = np.asarray(opened(filter_grid(filters)))
    columns, rows = 4, 2
    side = (grid.shape[0] + GAP) // rows - GAP
    assert grid.shape == (rows * (side + GAP) - GAP, columns * (side + GAP) - GAP, shown + 1) and side % 5 == 0
    for number in range(7):
        top, left = number // columns * (side + GAP), number % columns * (side + GAP)
        tile = grid[top : top + side, left : left + side]
        one = filters[..., number] if channels == shown else filters[..., number].mean(axis=2, keepdims=True)
        stretched = np.round(255 * (one - one.min()) / ((one.max() - one.min()) or 1.0))
        np.testing.assert_allclose(tile[:: side // 5, :: side // 5, :-1], stretched, atol=1)
        assert (tile[..., -1] == 255).all()
    assert (grid[:, side : side + GAP, -1] == 0).all(), "the page is seen between them"
