"""Random windows of training pictures, against resizing first and cropping then, and against their definition."""

import chex
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from jaxcnn.augmentation.random_crops import INTERPOLATIONS, AreaCrop, ScaleJitter
from jaxcnn.data.decoding.decode import decode

CAT = data.chelsea()  # 300×451
sides = st.integers(16, 3000)


def draws(crop, seed: int = 0, count: int = 4000) -> np.ndarray:
    return np.random.default_rng(seed).random((count, crop.draws))


@given(width=sides, height=sides, seed=st.integers(0, 999))
@settings(deadline=None, max_examples=60)
@pytest.mark.parametrize("crop", [ScaleJitter(shortest=256, longest=512), AreaCrop()])
def test_a_window_lies_in_the_picture(crop, width, height, seed):
    for numbers in [*draws(crop, seed, 5), np.zeros(crop.draws), np.full(crop.draws, 1 - 2**-53)]:
        left, top, right, bottom = crop(width, height, 224, numbers).box
        assert 0 <= left < right <= width and 0 <= top < bottom <= height


def test_scale_jitter_is_resizing_and_then_cropping():
    """VGG §3.1: the shorter side becomes S, then a 224 crop; here on a smooth picture, 60 of S = 80."""
    rows, columns = np.mgrid[:200, :300]
    picture = np.stack([rows, columns * 0.8, (rows + columns) / 2.5], axis=-1).astype(np.uint8)
    crop = ScaleJitter(shortest=80, longest=80)
    numbers = np.array([0.5, 0.25, 1.0 - 1e-9])  # S; a quarter from the left; at the bottom
    ours = decode(picture, size=60, channels=3, choose=lambda w, h: crop(w, h, 60, numbers))
    resized = np.asarray(Image.fromarray(picture).resize((120, 80), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(ours.astype(int), resized[20:, 15:75].astype(int), atol=2)


def test_scale_jitter_takes_all_scales_and_places_alike():
    crop = ScaleJitter(shortest=256, longest=512)
    boxes = np.array([crop(500, 375, 224, numbers).box for numbers in draws(crop)])
    scales = 224 * 375 / (boxes[:, 2] - boxes[:, 0])
    np.testing.assert_allclose(scales, np.round(scales), atol=1e-6)
    assert round(scales.min()) == 256 and round(scales.max()) == 512
    assert abs(scales.mean() - 384) < 4  # uniform from 256 to 512, its deviation 74
    places = boxes[:, 0] / (500 - (boxes[:, 2] - boxes[:, 0]))
    counts, _ = np.histogram(places, 4, (0, 1))
    assert counts.min() > 900


def test_a_picture_smaller_than_the_crop_is_enlarged():
    crop = ScaleJitter(shortest=200, longest=512)
    left, top, right, bottom = crop(100, 150, 224, np.zeros(3)).box
    assert (right - left, bottom - top) == (100, 100)


def test_area_and_aspect_are_uniform_in_their_limits():
    """GoogLeNet §6, on a square picture, where all but the widest of the largest fit."""
    crop = AreaCrop(max_area=0.7)
    boxes = np.array([crop(1000, 1000, 224, numbers).box for numbers in draws(crop)])
    across, down = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    areas, aspects = across * down / 1e6, across / down
    assert areas.min() > 0.08 - 1e-9 and areas.max() < 0.7 + 1e-9 and abs(areas.mean() - 0.39) < 0.01
    assert aspects.min() > 0.75 - 1e-9 and aspects.max() < 4 / 3 + 1e-9
    assert abs(aspects.mean() - (3 / 4 + 4 / 3) / 2) < 0.01


def test_interpolations_come_in_turn():
    crop = AreaCrop()
    found = [crop(300, 300, 224, numbers).resampling for numbers in draws(crop, count=400)]
    assert {found.count(filter_) > 60 for filter_ in INTERPOLATIONS} == {True}
    plain = AreaCrop(random_interpolation=False)
    assert {plain(300, 300, 224, numbers).resampling for numbers in draws(plain, count=50)} == {
        Image.Resampling.BILINEAR
    }


def test_a_rectangle_that_never_fits_gives_way_to_the_central_square():
    crop = AreaCrop(min_area=1.0, max_area=1.0, min_aspect=2.0, max_aspect=2.0)
    assert crop(100, 140, 224, np.full(crop.draws, 0.5)).box == (0, 20, 100, 120)


def test_the_window_is_squeezed_into_the_square():
    crop = AreaCrop(min_area=0.5, max_area=0.5, min_aspect=1.3, max_aspect=1.3)
    numbers = np.full(crop.draws, 0.5)
    left, top, right, bottom = crop(451, 300, 64, numbers).box
    assert (right - left) / (bottom - top) == pytest.approx(1.3)
    ours = decode(CAT, size=64, channels=3, choose=lambda w, h: crop(w, h, 64, numbers))
    chex.assert_shape(ours, (64, 64, 3))
    cut = CAT[round(top) : round(bottom), round(left) : round(right)]
    theirs = np.asarray(Image.fromarray(cut).resize((64, 64), crop(451, 300, 64, numbers).resampling))
    assert np.abs(ours.astype(int) - theirs.astype(int)).mean() < 6  # up to half a pixel beside it
