import gc
import itertools
import threading
import time

import chex
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered import Numbered

from jaxcnn.data.decoding.decode import decode
from jaxcnn.data.loading import in_memory, pipeline
from jaxcnn.data.loading.in_memory import load_resident
from jaxcnn.data.loading.order import batch_indices
from jaxcnn.data.sources import open_source
from jaxcnn.errors import RunStoppedError, UsageError

DIGITS = open_source("digits", "train")
ARRAYS = load_resident(DIGITS, size=8, channels=1)


@settings(deadline=None, max_examples=25)
@given(
    count=st.sampled_from([1, 2, 4]),
    per_process=st.integers(1, 9),
    seed=st.integers(0, 99),
    start=st.integers(0, 40),
)
def test_the_shards_of_a_batch_are_the_batch(count, per_process, seed, start):
    size, batch_size = 37, count * per_process
    streams = [
        pipeline.train_batches(
            Numbered(size),
            size=4,
            channels=1,
            batch_size=batch_size,
            seed=seed,
            start_step=start,
            shard=(index, count),
            threads=2,
        )
        for index in range(count)
    ]
    expected = batch_indices(size, batch_size, seed=seed, start_step=start)
    for _ in range(3):
        parts = [next(stream) for stream in streams]
        records = next(expected)
        np.testing.assert_array_equal(np.concatenate([part["label"] for part in parts]), records)
        np.testing.assert_array_equal(np.concatenate([part["image"][:, 0, 0, 0] for part in parts]), records)
    for stream in streams:
        stream.close()


@pytest.mark.parametrize("threads", [1, 5])
def test_images_come_in_the_order_of_order_py_whatever_the_threads(threads):
    stream = pipeline.train_batches(DIGITS, size=8, channels=1, batch_size=100, seed=7, threads=threads)
    for batch, records in zip(itertools.islice(stream, 16), batch_indices(1438, 100, seed=7), strict=False):
        chex.assert_shape(batch["image"], (100, 8, 8, 1))
        chex.assert_type([batch["image"], batch["label"]], [np.uint8, np.int32])
        np.testing.assert_array_equal(batch["image"], ARRAYS["image"][records])
        np.testing.assert_array_equal(batch["label"], ARRAYS["label"][records])
    stream.close()


@pytest.mark.parametrize("batch_size", [1, 7, 359, 400])
def test_test_batches_have_every_record_once(batch_size):
    source = open_source("digits", "test")
    batches = list(pipeline.test_batches(source, size=8, channels=1, batch_size=batch_size))
    for batch in batches:
        chex.assert_shape([batch["image"]], (batch_size, 8, 8, 1))
        chex.assert_shape([batch["label"], batch["mask"]], (batch_size,))
        chex.assert_type([batch["image"], batch["label"], batch["mask"]], [np.uint8, np.int32, np.float32])
    mask = np.concatenate([batch["mask"] for batch in batches])
    assert mask[:359].all() and not mask[359:].any()
    expected = load_resident(source, size=8, channels=1)
    for key in ("image", "label"):
        got = np.concatenate([batch[key] for batch in batches])
        np.testing.assert_array_equal(got[:359], expected[key])
        assert (got[359:] == expected[key][-1]).all()


def test_a_damaged_image_stops_an_evaluation_and_is_named():
    source = Numbered(100, damaged={42})
    for iterate in (
        lambda: list(pipeline.test_batches(source, size=4, channels=1, batch_size=10)),
        lambda: load_resident(source, size=4, channels=1),
    ):
        with pytest.raises(RunStoppedError, match="numbered, train split, record 42: not a readable image") as caught:
            iterate()
        assert "\n" not in str(caught.value)


def test_a_batch_that_doesnt_divide_is_refused_at_once():
    with pytest.raises(UsageError, match=r"batch_size \(=10\).*4 processes"):
        pipeline.train_batches(DIGITS, size=8, channels=1, batch_size=10, seed=0, shard=(0, 4))


@pytest.mark.parametrize("how", ["close", "drop", "never started"])
def test_stopping_early_leaves_no_thread(how):
    before = set(threading.enumerate())
    stream = pipeline.train_batches(DIGITS, size=64, channels=3, batch_size=64, seed=0, threads=4)
    if how != "never started":
        next(stream)
    if how == "close":
        stream.close()
    del stream
    gc.collect()
    deadline = time.monotonic() + 10
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before


def test_resident_arrays_are_the_decoded_records_and_are_kept(small_mnist, monkeypatch):
    source = open_source("mnist", "test", data_dir=small_mnist.data_dir)
    arrays = load_resident(source, size=32, channels=1)
    for index in (0, 150, 299):
        np.testing.assert_array_equal(arrays["image"][index], decode(source[index]["image"], size=32, channels=1))
        assert arrays["label"][index] == source[index]["label"]
    monkeypatch.setattr(in_memory, "read_batch", lambda *a, **k: pytest.fail("decoded again"))
    again = load_resident(open_source("mnist", "test", data_dir=small_mnist.data_dir), size=32, channels=1)
    chex.assert_trees_all_equal(again, arrays)
