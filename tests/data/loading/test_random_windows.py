"""Random windows in the pipeline: a function of (seed, step, row), whatever the threads, the shards, the start."""

import io
import itertools
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image
from skimage import data

from jaxcnn.data.decoding.decode import Window, central_square, decode
from jaxcnn.data.loading import pipeline
from jaxcnn.data.loading.order import batch_at, draws_at
from jaxcnn.data.sources import open_source

PHOTOS = open_source("photos", "train")


class Quarter:
    """One of the four quarters of an image."""

    draws: ClassVar[int] = 2

    def __call__(self, width: int, height: int, size: int, draws: np.ndarray) -> Window:
        del size
        left, top = width / 2 * (draws[0] < 0.5), height / 2 * (draws[1] < 0.5)
        return Window((left, top, left + width / 2, top + height / 2))


def batches(**options) -> list[dict]:
    options = {"size": 24, "channels": 3, "batch_size": 8, "seed": 4, "crop": Quarter(), **options}
    stream = pipeline.train_batches(PHOTOS, **options)
    found = list(itertools.islice(stream, 3))
    stream.close()
    return found


def test_every_row_has_its_own_window_and_the_same_one_again():
    first = batches(threads=1)
    for found, expected in zip(batches(threads=4), first, strict=True):
        np.testing.assert_array_equal(found["image"], expected["image"])
    np.testing.assert_array_equal(batches(start_step=2)[0]["image"], first[2]["image"])
    assert not np.array_equal(batches(seed=5)[0]["image"], first[0]["image"])
    halves = [batches(shard=(index, 2))[1]["image"] for index in range(2)]
    np.testing.assert_array_equal(np.concatenate(halves), first[1]["image"])


def test_the_windows_are_those_of_the_draws():
    records, numbers = batch_at(len(PHOTOS), 8, seed=4, step=1), draws_at(8, 2, seed=4, step=1)
    found = batches()[1]
    for row, record in enumerate(records):
        image = PHOTOS[int(record)]["image"]
        height, width, _ = image.shape
        left, top = int(width / 2 * (numbers[row, 0] < 0.5)), int(height / 2 * (numbers[row, 1] < 0.5))
        box = (width / 2 * (left > 0), height / 2 * (top > 0))
        box = (*box, box[0] + width / 2, box[1] + height / 2)
        expected = Image.fromarray(image).resize((24, 24), Image.Resampling.BILINEAR, box=box)
        np.testing.assert_array_equal(found["image"][row], np.asarray(expected))
        assert found["label"][row] == PHOTOS[int(record)]["label"]


def test_draws_are_uniform_and_another_stream_than_the_order():
    numbers = draws_at(1000, 5, seed=1, step=7)
    assert numbers.shape == (1000, 5) and numbers.min() >= 0 and numbers.max() < 1
    np.testing.assert_allclose(numbers.mean(axis=0), 0.5, atol=0.05)
    assert abs(np.corrcoef(numbers.T) - np.eye(5)).max() < 0.15
    raw = np.random.Philox(key=np.array([1, 7], np.uint64)).random_raw(5000)
    assert not np.isin(np.round(numbers.ravel() * 2**53), raw >> np.uint64(11)).any()


@pytest.mark.parametrize("quarter", [(0.0, 0.0), (0.5, 0.5)])
def test_a_large_jpeg_is_decoded_small_where_the_window_allows(quarter):
    """The window of an image decoded at a half is the window of the image."""
    large = Image.fromarray(data.chelsea()).resize((1804, 1200), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    large.save(file, "JPEG", quality=95)

    def choose(width: int, height: int) -> Window:
        left, top = quarter[0] * width, quarter[1] * height
        return Window((left, top, left + width / 2, top + height / 2))

    ours = decode(file.getvalue(), size=100, channels=3, choose=choose)
    box = choose(1804, 1200).box
    theirs = np.asarray(large.resize((100, 100), Image.Resampling.BILINEAR, box=box))
    assert np.abs(ours.astype(int) - theirs.astype(int)).mean() < 2


def test_without_a_crop_it_is_the_central_square():
    found = batches(crop=None)[0]
    records = batch_at(len(PHOTOS), 8, seed=4, step=0)
    expected = decode(PHOTOS[int(records[3])]["image"], size=24, channels=3, choose=central_square)
    np.testing.assert_array_equal(found["image"][3], expected)
