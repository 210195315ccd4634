import json
import pickle
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jaxcnn.data.decoding.decode import decode
from jaxcnn.data.loading.read import read_batch
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.data.sources import is_prepared, open_source, prepared_folder
from jaxcnn.errors import DataMissingError, RunStoppedError, UsageError


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_image_of_the_archive_is_there_once_with_its_label(small_mnist, split):
    source = open_source("mnist", split, data_dir=small_mnist.data_dir)
    assert len(source) == len(small_mnist.images[split])
    assert source.class_names == tuple("0123456789") and source.num_classes == 10
    assert source.folder is not None
    # TFDS shuffles while it writes: compare as sets of (image, label).
    ours = sorted(
        (decode(record["image"], size=28, channels=1).tobytes(), record["label"])
        for record in source.__getitems__(range(len(source)))
    )
    theirs = zip(small_mnist.images[split], small_mnist.labels[split], strict=True)
    assert ours == sorted((image.tobytes(), int(label)) for image, label in theirs)


def test_plain_tfds_reads_what_we_write(small_mnist):
    tfds = pytest.importorskip("tensorflow_datasets")
    theirs = tfds.data_source("mnist", split="train", data_dir=small_mnist.data_dir)
    source = open_source("mnist", "train", data_dir=small_mnist.data_dir)
    for index in (0, 1, 500, 999):
        record = source[index]
        np.testing.assert_array_equal(decode(record["image"], size=28, channels=1), theirs[index]["image"])
        assert record["label"] == theirs[index]["label"]


def test_images_stay_encoded_and_labels_are_integers(small_mnist):
    record = open_source("mnist", "train", data_dir=small_mnist.data_dir)[3]
    assert isinstance(record["image"], bytes) and record["image"].startswith(b"\x89PNG")
    assert type(record["label"]) is int


def test_a_source_survives_pickling_and_threads(small_mnist):
    for source in (
        open_source("mnist", "test", data_dir=small_mnist.data_dir),
        open_source("photos", "test"),
    ):
        again = pickle.loads(pickle.dumps(source))
        with ThreadPoolExecutor(8) as threads:
            labels = list(threads.map(lambda index, s=again: s[index]["label"], range(300)))
        assert labels == [source[index]["label"] for index in range(300)]


def test_the_environment_says_where_the_data_lies(small_mnist, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(small_mnist.data_dir))
    assert is_prepared("mnist") and len(open_source("mnist", "test")) == 300
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert not is_prepared("mnist")
    monkeypatch.delenv("TFDS_DATA_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not is_prepared("mnist")


def test_what_is_missing_comes_with_the_command_that_gets_it(tmp_path):
    with pytest.raises(DataMissingError) as caught:
        open_source("mnist", "train", data_dir=tmp_path)
    message = str(caught.value)
    assert f"python launch.py prepare --data=mnist --data-dir={tmp_path}" in message and "\n" not in message
    with pytest.raises(DataMissingError, match="--manual-dir=DIR"):
        open_source("imagenet2012", "train", data_dir=tmp_path)


@pytest.mark.parametrize("address", ["gs://bucket/data", "nosuchscheme://bucket/data"])
def test_a_bucket_that_cant_be_opened_is_named(address, monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)  # as if it weren't installed
    with pytest.raises(UsageError, match=f"--data-dir={address} can't be opened"):
        open_source("mnist", "train", data_dir=address)


def test_a_wrong_split_is_named():
    with pytest.raises(UsageError, match=r"'validation'.*'train', 'test'"):
        open_source("digits", "validation")


def test_a_subset_says_that_it_is_one(small_mnist):
    source = open_source("mnist", "train", data_dir=small_mnist.data_dir)
    assert source.note == "this copy of mnist has 1,000 train images, the full set 60,000"
    assert open_source("digits", "train").note == ""


def test_unfinished_or_sequential_data_doesnt_count_as_prepared(small_mnist, tmp_path):
    made = prepared_folder("mnist", small_mnist.data_dir)
    assert made is not None
    shutil.copytree(made, tmp_path / "mnist" / "incomplete.ABCDEF_3.0.1")  # what TFDS leaves after SIGKILL
    assert not is_prepared("mnist", tmp_path)
    (tmp_path / "mnist" / "3.0.1").mkdir()
    assert not is_prepared("mnist", tmp_path)
    info = json.loads((made / "dataset_info.json").read_text())
    (tmp_path / "mnist" / "3.0.1" / "dataset_info.json").write_text(json.dumps({**info, "fileFormat": "tfrecord"}))
    assert not is_prepared("mnist", tmp_path)


@pytest.mark.parametrize("harm", ["flipped", "cut", "gone"])
def test_damaged_files_stop_the_run_with_the_way_out(small_mnist, tmp_path, harm):
    shutil.copytree(small_mnist.data_dir / "mnist", tmp_path / "mnist")
    shard = next(path for path in (tmp_path / "mnist" / "3.0.1").iterdir() if "train.array_record" in path.name)
    content = bytearray(shard.read_bytes())
    half = len(content) // 2
    content[half : half + 500] = bytes(500)
    shard.write_bytes(content if harm == "flipped" else content[:half])
    if harm == "gone":
        shard.unlink()
    source = open_source("mnist", "train", data_dir=tmp_path)
    with pytest.raises(RunStoppedError, match="mnist is damaged") as caught:
        source.__getitems__(range(len(source)))
    command = f"remove {tmp_path}/mnist/3.0.1, then run: python launch.py prepare --data=mnist --data-dir={tmp_path}"
    assert str(caught.value).endswith(command)


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
def test_damaged_descriptions_are_named(small_mnist, tmp_path, monkeypatch, name):
    shutil.copytree(small_mnist.data_dir / "mnist", tmp_path / "mnist")
    (tmp_path / "mnist" / "3.0.1" / name).write_text('{"na')
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(DataMissingError, match=r"3\.0\.1/.*json (is damaged|can't be read)") as caught:
        len(open_source("mnist", "train", data_dir=tmp_path))
    assert str(caught.value).endswith("3.0.1, then run: python launch.py prepare --data=mnist")


def test_our_version_is_preferred_else_the_newest(small_mnist, tmp_path):
    made = prepared_folder("mnist", small_mnist.data_dir)
    for version in ("1.0.0", "3.0.0", "10.0.0"):
        shutil.copytree(made, tmp_path / "mnist" / version)
    found = prepared_folder("mnist", tmp_path)
    assert found is not None and found.name == "10.0.0"
    shutil.copytree(made, tmp_path / "mnist" / "3.0.1")
    found = prepared_folder("mnist", tmp_path)
    assert found is not None and found.name == "3.0.1"


def test_a_damaged_image_comes_with_a_command_that_doesnt_leave_it_there(tiny, tmp_path, monkeypatch):
    """`prepare` alone would say that the data set is there already, and from a damaged archive comes the same image."""
    monkeypatch.setattr("jaxcnn.data.preparation.builders.idx.png", lambda image: b"junk")
    prepare("mnist", data_dir=tmp_path, manual_dir=tiny.archives)
    source = open_source("mnist", "test", data_dir=tmp_path)
    expected = (
        f"make sure that its archive isn't damaged too, remove {tmp_path}/mnist/3.0.1, then run: "
        f"python launch.py prepare --data=mnist --data-dir={tmp_path}"
    )
    with pytest.raises(RunStoppedError) as caught:
        read_batch(source, [3], size=28, channels=1)
    assert str(caught.value).endswith(expected)
    assert "mnist, test split, record 3: not a readable image" in str(caught.value)
