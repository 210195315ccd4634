"""Damaged images in training: replaced, always by the same record, and told of."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numbered import Numbered

from jaxcnn.augmentation.whitening import zca_whitening
from jaxcnn.data.loading import pipeline
from jaxcnn.data.loading.in_memory import load_resident
from jaxcnn.data.loading.mean_image import mean_image
from jaxcnn.data.loading.order import batch_at, substitute_at
from jaxcnn.data.loading.read import Damaged
from jaxcnn.errors import RunStoppedError


def stream(source, steps, *, start=0, **options):
    told = []
    options = {"size": 4, "channels": 1, "batch_size": 8, "seed": 3, **options}
    batches = pipeline.train_batches(source, start_step=start, on_damage=lambda *found: told.append(found), **options)
    found = list(itertools.islice(batches, steps))
    batches.close()
    return found, told


def test_another_record_takes_the_place_with_image_and_label():
    whole, _ = stream(Numbered(40), 5)
    found, told = stream(Numbered(40, {7, 31}), 5)
    expected = {}
    for step, row in itertools.product(range(5), range(8)):
        record = int(batch_at(40, 8, seed=3, step=step)[row])
        if record in (7, 31):
            expected[step, row] = substitute_at(40, seed=3, step=step, row=row, attempt=0)
            assert found[step]["label"][row] == found[step]["image"][row, 0, 0, 0] == expected[step, row]
        else:
            np.testing.assert_array_equal(found[step]["image"][row], whole[step]["image"][row])
    assert len(expected) == 2  # each once an epoch of five steps
    reported = {(step, image.record) for step, image in told if step < 5}
    assert {record for _, record in reported} == {7, 31} and {step for step, _ in reported} == {s for s, _ in expected}
    assert all("not a readable image" in image.reason for _, image in told)


@pytest.mark.parametrize("options", [{"threads": 1}, {"threads": 5}, {"start": 2}])
def test_threads_and_starts_do_not_matter(options):
    damaged = set(range(0, 40, 3))
    whole, _ = stream(Numbered(40, damaged), 4)
    found, _ = stream(Numbered(40, damaged), 4 - options.get("start", 0), **options)
    for batch, expected in zip(found, whole[options.get("start", 0) :], strict=True):
        np.testing.assert_array_equal(batch["image"], expected["image"])
        np.testing.assert_array_equal(batch["label"], expected["label"])


def test_the_shards_of_a_batch_are_the_batch():
    source = Numbered(40, set(range(0, 40, 3)))
    whole, told = stream(source, 3, threads=1)
    parts = [stream(source, 3, shard=(index, 2), threads=1) for index in range(2)]
    for step in range(3):
        joined = np.concatenate([found[step]["label"] for found, _ in parts])
        np.testing.assert_array_equal(joined, whole[step]["label"])
    assert {entry for entry in told if entry[0] < 3} == {e for _, part in parts for e in part if e[0] < 3}


def test_a_substitute_may_be_damaged_too_but_not_all_of_them():
    found, told = stream(Numbered(40, set(range(20))), 5)
    assert all((batch["label"] >= 20).all() for batch in found)
    assert len({image.record for step, image in told if step < 5}) == 20
    with pytest.raises(RunStoppedError, match=r"numbered, train split, record \d+: not a readable image"):
        stream(Numbered(40, set(range(40))), 1)


@given(size=st.integers(1, 2000), seed=st.integers(0, 2**40), step=st.integers(0, 2**40), row=st.integers(0, 9999))
def test_substitutes_are_records(size, seed, step, row):
    found = [substitute_at(size, seed=seed, step=step, row=row, attempt=attempt) for attempt in range(3)]
    assert all(0 <= record < size for record in found)
    assert found == [substitute_at(size, seed=seed, step=step, row=row, attempt=attempt) for attempt in range(3)]


def test_substitutes_are_spread_over_the_records():
    found = [substitute_at(10, seed=1, step=step, row=2, attempt=0) for step in range(2000)]
    counts = np.bincount(found, minlength=10)
    assert ((counts - 200) ** 2 / 200).sum() < 27.9  # chi squared, 9 degrees of freedom: 1 in 1,000


def test_a_resident_set_has_the_next_neighbours():
    told: list[Damaged] = []
    arrays = load_resident(Numbered(20, {4, 5, 19}), size=4, channels=1, on_damage=told.append)
    expected = np.arange(20)
    expected[[4, 5, 19]] = 6, 6, 0
    np.testing.assert_array_equal(arrays["label"], expected)
    np.testing.assert_array_equal(arrays["image"][:, 0, 0, 0], expected)
    assert [image.record for image in told] == [4, 5, 5, 19]  # 5 also as the neighbour of 4


def test_the_mean_and_the_whitening_do_without_damaged_images():
    broken, whole = Numbered(20, {4}), Numbered(20)
    mean = mean_image(broken, size=4, channels=1)
    np.testing.assert_allclose(mean, (sum(range(20)) + 1) / 20, rtol=1e-6)  # 5 twice, 4 not at all
    options = {"size": 4, "channels": 1, "norm": 55.0, "filter_bias": 0.1}
    assert zca_whitening(broken, **options)["zca"].shape == zca_whitening(whole, **options)["zca"].shape
