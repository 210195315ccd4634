"""Whole images at one scale: their shapes, their canvases, and that each comes once."""

import io
import unittest.mock
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from jaxcnn.data.decoding.decode import decode, decode_whole, whole_shape
from jaxcnn.data.loading import whole_images
from jaxcnn.data.loading.whole_images import canvas, whole_batches
from jaxcnn.data.sources import Source
from jaxcnn.errors import RunStoppedError

CAT = np.asarray(data.chelsea())  # 300×451


class Images(Source):
    """Records in memory."""

    name, split = "images", "test"

    def __init__(self, images: list[Any]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, indices) -> list[dict]:
        return [{"image": self.images[index], "label": index % 7} for index in indices]


def source(images: list[Any]) -> Source:
    return cast(Source, Images(images))


def jpeg(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95)
    return file.getvalue()


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40))
def test_the_shorter_side_is_exact_and_the_longer_the_nearest(height, width, scale):
    image = np.zeros((height, width, 1), np.uint8)
    shape = decode_whole(image, shorter_side=scale, channels=1).shape
    shorter, longer = sorted((height, width))
    assert min(shape[:2]) == scale and shape[2] == 1
    assert abs(max(shape[:2]) - scale * min(longer / shorter, 8)) <= 0.5
    assert (shape[0] > shape[1]) <= (height > width)


@pytest.mark.parametrize("form", ["array", "JPEG"])
@pytest.mark.parametrize("scale", [40, 152, 320])
def test_the_centre_of_a_whole_image_is_the_square(form, scale):
    """As `decode` makes it: the same filter, so the same pixels but for where the grid of the longer side falls."""
    image: Any = CAT[:, :450] if form == "array" else jpeg(CAT[:, :450])
    whole = decode_whole(image, shorter_side=scale, channels=3)
    assert whole.shape == (scale, 3 * scale // 2, 3)
    left = scale // 4
    square = decode(image, size=scale, channels=3)
    assert np.abs(whole[:, left : left + scale].astype(int) - square).max() <= 1
    upright = decode_whole(CAT[:, :450].transpose(1, 0, 2), shorter_side=scale, channels=3)
    assert upright.shape == (3 * scale // 2, scale, 3)


def test_an_image_of_the_wanted_size_is_bit_equal_and_grey_becomes_colour():
    np.testing.assert_array_equal(decode_whole(CAT, shorter_side=300, channels=3), CAT)
    grey = decode_whole(CAT, shorter_side=64, channels=1)
    np.testing.assert_array_equal(decode_whole(grey, shorter_side=64, channels=3), np.repeat(grey, 3, axis=2))


def test_only_a_pathological_image_loses_its_ends():
    ramp = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 10, axis=0)
    kept = decode_whole(ramp, shorter_side=10, channels=1)
    np.testing.assert_array_equal(kept, ramp[:, 60:140])
    np.testing.assert_array_equal(decode_whole(ramp[:, :80], shorter_side=10, channels=1), ramp[:, :80])


@pytest.mark.parametrize("scale", [224, 256, 480, 640, 20])
def test_a_canvas_holds_the_image_and_there_are_few(scale):
    sizes = [(scale, side) for side in range(scale, 8 * scale + 1)]
    found = {canvas(*size) for size in sizes} | {canvas(*reversed(size)) for size in sizes}
    assert len(found) <= 13
    for height, width in sizes:
        rows, columns = canvas(height, width)
        assert rows == height and width <= columns
        assert canvas(width, height) == (columns, rows)
    assert canvas(scale, scale) == (scale, scale)


def test_common_photographs_waste_little():
    assert canvas(256, 341) == (256, 352) and canvas(384, 256) == (384, 256) and canvas(256, 455) == (256, 480)


def test_a_longer_image_has_no_canvas():
    with pytest.raises(ValueError, match="more than 8 times"):
        canvas(10, 200)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.tuples(st.integers(8, 40), st.integers(8, 40)), min_size=1, max_size=40), st.integers(1, 5))
def test_every_image_comes_once_in_the_corner_of_its_canvas(sizes, rows):
    generator = np.random.default_rng(0)
    images = [generator.integers(1, 256, (*size, 1), np.uint8) for size in sizes]
    seen = []
    for batch in whole_batches(source(images), scale=12, channels=1, rows=lambda *_: rows, threads=2):
        assert len(batch["image"]) == rows
        for image, (height, width), label, index in zip(*(batch[name] for name in BATCH), strict=True):
            if index < 0:
                assert min(height, width) == 12  # an image all the same: nothing is divided by zero
                continue
            seen.append(int(index))
            whole = decode_whole(images[index], shorter_side=12, channels=1)
            assert whole.shape[:2] == (height, width) and canvas(height, width) == image.shape[:2]
            np.testing.assert_array_equal(image[:height, :width], whole)
            assert not image[height:].any() and not image[:, width:].any()
            assert label == index % 7
    assert sorted(seen) == list(range(len(images)))


@settings(deadline=None, max_examples=10)
@given(st.lists(st.tuples(st.integers(8, 40), st.integers(8, 40)), min_size=1, max_size=40), st.integers(1, 3))
def test_each_process_decodes_its_rows_of_the_same_batches(sizes, half):
    generator = np.random.default_rng(0)
    records = source([jpeg(generator.integers(1, 256, (*size, 3), np.uint8)) for size in sizes])
    options: Any = {"scale": 12, "channels": 3, "rows": lambda *_: 2 * half, "threads": 2}
    with unittest.mock.patch.object(whole_images, "decode_whole", wraps=decode_whole) as decoder:
        parts = [list(whole_batches(records, **options, shard=(index, 2))) for index in range(2)]
    assert decoder.call_count == len(sizes), "each image once, by one of them"
    whole = list(whole_batches(records, **options))
    assert len(parts[0]) == len(parts[1]) == len(whole)
    for first, second, batch in zip(*parts, whole, strict=True):
        for name in ("image", "extent"):
            np.testing.assert_array_equal(np.concatenate([first[name], second[name]]), batch[name])
        for name in ("label", "index"):
            np.testing.assert_array_equal(first[name], batch[name])
            np.testing.assert_array_equal(second[name], batch[name])


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_header_says_the_shape(kind):
    file = io.BytesIO()
    Image.fromarray(CAT[:, :200]).save(file, kind)
    for image in (file.getvalue(), CAT[:, :200]):
        assert whole_shape(image, shorter_side=50) == decode_whole(image, shorter_side=50, channels=3).shape[:2]
    with pytest.raises(ValueError, match="not a readable image"):
        whole_shape(b"none", shorter_side=50)


BATCH = ("image", "extent", "label", "index")


def test_a_damaged_image_stops_the_run():
    with pytest.raises(RunStoppedError, match="images, test split, record 1: not a readable image"):
        list(whole_batches(source([jpeg(CAT), b"none"]), scale=32, channels=3, rows=lambda *_: 4))
