"""With the real archives, where `JAXCNN_TEST_DATA` names a folder that has them."""

import gzip
import itertools
import os
import time
from pathlib import Path

import numpy as np
import pytest

from jaxcnn.data.decoding.decode import decode
from jaxcnn.data.loading import pipeline
from jaxcnn.data.loading.in_memory import load_resident
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.data.sources import open_source

REAL = os.environ.get("JAXCNN_TEST_DATA")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REAL, reason="JAXCNN_TEST_DATA doesn't name a folder with the real archives"),
]


def archives(name: str) -> Path:
    folder = Path(str(REAL)) / name
    if not folder.is_dir():
        pytest.skip(f"JAXCNN_TEST_DATA has no folder {name}")
    return folder


@pytest.fixture(scope="session")
def mnist(tmp_path_factory) -> Path:
    data_dir = tmp_path_factory.mktemp("mnist")
    prepare("mnist", data_dir=data_dir, manual_dir=archives("mnist"))
    return data_dir


def test_mnist_is_complete_and_in_the_order_of_tfds(mnist):
    tfds = pytest.importorskip("tensorflow_datasets")
    builder = tfds.builder("mnist", data_dir=mnist)
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "train": 60_000,
        "test": 10_000,
    }
    source = open_source("mnist", "test", data_dir=mnist)
    assert source.note == ""
    # The first labels of the set that TensorFlow prepared, as TFDS's own tutorials show them.
    assert [record["label"] for record in source.__getitems__(range(10))] == [2, 0, 4, 8, 7, 6, 0, 6, 3, 1]


def test_mnists_pixels_are_those_of_the_idx_files(mnist):
    raw = gzip.decompress((archives("mnist") / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((archives("mnist") / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    arrays = load_resident(open_source("mnist", "test", data_dir=mnist), size=28, channels=1)
    ours = sorted(zip((image.tobytes() for image in arrays["image"]), arrays["label"].tolist(), strict=True))
    theirs = [(raw[784 * i : 784 * (i + 1)], label) for i, label in enumerate(labels)]
    assert ours == sorted(theirs)


def test_a_second_start_is_quick(mnist):
    source = open_source("mnist", "train", data_dir=mnist)
    first = load_resident(source, size=28, channels=1)
    begin = time.perf_counter()
    second = load_resident(open_source("mnist", "train", data_dir=mnist), size=28, channels=1)
    assert time.perf_counter() - begin < 1
    np.testing.assert_array_equal(first["image"], second["image"])


def test_the_cifar10_subset_says_what_it_is(tmp_path):
    prepare("cifar10", data_dir=tmp_path, manual_dir=archives("cifar10"))
    source = open_source("cifar10", "train", data_dir=tmp_path)
    assert source.class_names[:3] == ("airplane", "automobile", "bird")
    assert source.note.startswith(f"this copy of cifar10 has {len(source):,} train images")
    labels = load_resident(source, size=32, channels=3)["label"]
    assert np.ptp(np.bincount(labels, minlength=10)) == 0


def test_imagenette_gives_batches_of_photographs(tmp_path):
    prepare("imagenette", data_dir=tmp_path, manual_dir=archives("imagenette"))
    source = open_source("imagenette", "train", data_dir=tmp_path)
    stream = pipeline.train_batches(source, size=256, channels=3, batch_size=32, seed=0)
    for batch in itertools.islice(stream, 4):
        assert batch["image"].shape == (32, 256, 256, 3)
        # Photographs: neither empty nor noise. Neighbouring pixels are alike, distant ones aren't.
        pixels = batch["image"].astype(np.float64)
        assert np.abs(np.diff(pixels, axis=2)).mean() < 0.5 * np.abs(pixels[:, :, 64:] - pixels[:, :, :-64]).mean()
    stream.close()


def test_photographs_of_any_shape_decode():
    files = sorted(archives("photos").glob("*.JPEG"))
    assert files
    for file in files:
        assert decode(file.read_bytes(), size=256, channels=3).shape == (256, 256, 3)
