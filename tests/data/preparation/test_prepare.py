import errno
import gzip
import os
import shutil

import pytest

from jaxcnn.data import datasets
from jaxcnn.data.datasets import DATA_SETS
from jaxcnn.data.preparation.builders import writer
from jaxcnn.data.preparation.prepare import builder, prepare
from jaxcnn.data.sources import is_prepared, open_source
from jaxcnn.errors import DataMissingError, JaxcnnError, UsageError

IMAGES = "train-images-idx3-ubyte.gz"


@pytest.fixture
def archives(small_mnist, tmp_path, monkeypatch):
    """A copy of the small archives that a test may spoil; their digests count as MNIST's."""
    monkeypatch.setitem(datasets.DATA_SETS, "mnist", small_mnist.entry)
    return shutil.copytree(small_mnist.archives, tmp_path / "archives")


def refused(tmp_path, archives, error=DataMissingError) -> str:
    """Prepares into an empty folder, expects the error and nothing prepared, and returns the message."""
    with pytest.raises(error) as caught:
        prepare("mnist", data_dir=tmp_path / "data", manual_dir=archives)
    assert not is_prepared("mnist", tmp_path / "data")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_archives_packed_again_will_do(tmp_path, archives):
    for path in archives.iterdir():
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), compresslevel=1, mtime=1))
    calls = []
    folder = prepare("mnist", data_dir=tmp_path / "data", manual_dir=archives, progress=lambda *c: calls.append(c))
    assert folder == tmp_path / "data" / "mnist" / "3.0.1"
    assert len(open_source("mnist", "train", data_dir=tmp_path / "data")) == 1000
    assert calls == [("mnist train", 500, 1000), ("mnist train", 1000, 1000)]


@pytest.mark.parametrize("spoil", ["cut", "flipped byte", "other content", "no gzip", "empty"])
def test_a_damaged_archive_is_named(tmp_path, archives, spoil):
    path = archives / IMAGES
    raw = path.read_bytes()
    flipped = bytearray(raw)
    flipped[len(raw) // 2] ^= 0xFF
    path.write_bytes(
        {
            "cut": raw[:-100],
            "flipped byte": bytes(flipped),
            "other content": gzip.compress(gzip.decompress(raw)[:-1] + b"\x01"),
            "no gzip": b"hello",
            "empty": b"",
        }[spoil]
    )
    message = refused(tmp_path, archives)
    assert str(path) in message and "damaged" in message


def test_a_missing_archive_is_named_with_its_folder_and_the_command(tmp_path, archives):
    (archives / IMAGES).unlink()
    message = refused(tmp_path, archives)
    assert IMAGES in message and "t10k" not in message
    assert f"prepare --data=mnist --data-dir={tmp_path / 'data'} --manual-dir={archives}" in message
    shutil.rmtree(archives)
    assert "is not a folder" in refused(tmp_path, archives)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_interrupted_work_leaves_nothing_and_can_be_repeated(tmp_path, archives, monkeypatch, interruption):
    made, png = 0, writer.png

    def interrupted(image):
        nonlocal made
        made += 1
        if made == 700:
            raise interruption
        return png(image)

    monkeypatch.setattr("jaxcnn.data.preparation.builders.idx.png", interrupted)
    with pytest.raises(interruption):
        prepare("mnist", data_dir=tmp_path, manual_dir=archives)
    assert not is_prepared("mnist", tmp_path) and list((tmp_path / "mnist").iterdir()) == []
    prepare("mnist", data_dir=tmp_path, manual_dir=archives)
    assert len(open_source("mnist", "test", data_dir=tmp_path)) == 300


def test_a_full_disk_is_said_plainly(tmp_path, archives, monkeypatch):
    def full(image):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("jaxcnn.data.preparation.builders.idx.png", full)
    assert "is full" in refused(tmp_path, archives, JaxcnnError)


def test_a_folder_that_cant_be_written_is_named(tmp_path, archives, monkeypatch):
    def forbidden(self, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", os.fspath(self))

    monkeypatch.setattr("pathlib.Path.mkdir", forbidden)
    assert f"can't write {tmp_path / 'data'}" in refused(tmp_path, archives, UsageError)


def test_what_is_there_is_left_alone(small_mnist, tmp_path):
    folder = small_mnist.data_dir / "mnist" / "3.0.1"
    before = (folder / "dataset_info.json").stat().st_mtime_ns
    assert prepare("mnist", data_dir=small_mnist.data_dir, manual_dir=tmp_path / "nowhere") == folder
    assert (folder / "dataset_info.json").stat().st_mtime_ns == before


def test_embedded_sets_and_buckets_are_refused(tmp_path, archives):
    with pytest.raises(UsageError, match="nothing to prepare"):
        prepare("digits", data_dir=tmp_path)
    with pytest.raises(UsageError, match="is a bucket"):
        prepare("mnist", data_dir="gs://bucket/data", manual_dir=archives)


def test_tfds_own_folder_for_archives_is_looked_through(tmp_path, archives):
    shutil.move(archives, tmp_path / "downloads" / "manual")
    prepare("mnist", data_dir=tmp_path)
    assert is_prepared("mnist", tmp_path)


def test_nothing_is_printed(tmp_path, archives, capfd):
    prepare("mnist", data_dir=tmp_path, manual_dir=archives)
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


@pytest.mark.parametrize("name", [name for name, entry in DATA_SETS.items() if not entry.embedded])
def test_every_data_set_has_a_builder(name):
    assert callable(builder(name).content)
