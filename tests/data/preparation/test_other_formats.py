"""Data sets in the data folder that can't be read here: in other formats, damaged, unfinished."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from etils import epath
from manual_dirs import IMAGENETTE, below, fill

from jaxcnn.data.decoding.decode import decode
from jaxcnn.data.preparation.choose import choose
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.data.prepared import prepared_folder
from jaxcnn.data.sources import is_prepared, open_source
from jaxcnn.errors import DataMissingError

BESIDE = Path("mnist", "array_record", "3.0.1")


def another_format(made: Path, target: Path, file_format: str) -> None:
    """What TFDS writes in another format: the same descriptions, records in files of another kind."""
    shutil.copytree(made, target)
    info = json.loads((target / "dataset_info.json").read_text())
    assert info["fileFormat"] == "array_record"
    (target / "dataset_info.json").write_text(json.dumps({**info, "fileFormat": file_format}))
    for shard in target.glob("*array_record*"):
        shard.rename(target / shard.name.replace("array_record", file_format))


def spoil(kind: str, made: Path, data_dir: Path) -> Path:
    """Puts something into the version's folder of mnist, which it returns."""
    target = data_dir / "mnist" / "3.0.1"
    if kind in ("tfrecord", "riegeli", "parquet", "future"):
        another_format(made, target, kind)
    elif kind == "file":
        target.parent.mkdir(parents=True)
        target.write_text("hello")
    else:
        shutil.copytree(made, target)
        info, features = target / "dataset_info.json", target / "features.json"
        {
            "no description": info.unlink,
            "half a description": lambda: info.write_text(info.read_text()[:200]),
            "bytes": lambda: info.write_bytes(bytes(range(256))),
            "another JSON": lambda: info.write_text("[1, 2]"),
            "no format": lambda: info.write_text("{}"),
            "no splits": lambda: info.write_text('{"fileFormat": "array_record"}'),
            "folder": lambda: (info.unlink(), info.mkdir()),
            "no features": features.unlink,
            "half of the features": lambda: features.write_text(features.read_text()[:50]),
            "empty": lambda: [path.unlink() for path in target.iterdir()],
            "incomplete": lambda: target.rename(target.with_name("incomplete.ABCDEF_3.0.1")),
        }[kind]()
    return target


DAMAGED = [
    *("no description", "half a description", "bytes", "another JSON", "no splits", "folder"),
    *("no features", "half of the features", "empty"),
]
OTHER_FORMATS = ["tfrecord", "riegeli", "parquet", "future", "no format"]


def content_of(folder: Path) -> dict:
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", [*OTHER_FORMATS, *DAMAGED, "file"])
def test_ours_is_written_beside_what_is_there(tiny, tmp_path, kind, caplog):
    there = spoil(kind, tiny.made, tmp_path)
    before = content_of(there)
    assert not is_prepared("mnist", tmp_path)
    folder = prepare("mnist", data_dir=tmp_path, manual_dir=tiny.archives)
    assert folder == tmp_path / BESIDE == Path(str(prepared_folder("mnist", tmp_path)))
    assert content_of(there) == before
    assert not list((tmp_path / "mnist").glob(".config")), "TFDS would take ours for the default configuration"
    assert prepare("mnist", data_dir=tmp_path) == folder
    assert len(open_source("mnist", "train", data_dir=tmp_path)) == 30
    assert str(there) in caplog.text and caplog.text.rstrip().endswith("it is left unchanged")


def test_plain_tfds_reads_what_lies_beside(tiny, tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    spoil("tfrecord", tiny.made, tmp_path)
    prepare("mnist", data_dir=tmp_path, manual_dir=tiny.archives)
    theirs = tfds.data_source("mnist/array_record", split="test", data_dir=tmp_path)
    ours, alone = (open_source("mnist", "test", data_dir=folder) for folder in (tmp_path, tiny.data_dir))
    for index in range(10):
        image = decode(ours[index]["image"], size=28, channels=1)
        np.testing.assert_array_equal(theirs[index]["image"], image)
        assert theirs[index]["label"] == ours[index]["label"]
        assert ours[index] == alone[index]  # the order is the same
    assert tfds.builder("mnist", data_dir=tmp_path).info.file_format.value == "tfrecord"
    assert tfds.builder("mnist:3.*.*", data_dir=tmp_path).info.file_format.value == "tfrecord"


@pytest.mark.parametrize("kind", [*OTHER_FORMATS, *DAMAGED, "file", "incomplete"])
def test_auto_goes_on_as_if_nothing_were_prepared(tiny, tmp_path, kind):
    there = spoil(kind, tiny.made, tmp_path)
    choice = choose("auto", "mnist", "digits", data_dir=tmp_path)
    assert (choice.name, choice.rehearsal) == ("digits", True)
    assert "can't download" in choice.reason and "\n" not in choice.reason
    assert (str(there) in choice.reason) == (kind != "incomplete")
    choice = choose("auto", "mnist", "digits", data_dir=tmp_path, manual_dir=tiny.archives)
    assert (choice.name, choice.rehearsal) == ("mnist", False)
    assert choice.reason.startswith("mnist has been prepared now")


@pytest.mark.parametrize("kind", OTHER_FORMATS)
def test_a_copy_in_another_format_is_told_of(tiny, tmp_path, kind):
    there = spoil(kind, tiny.made, tmp_path)
    with pytest.raises(DataMissingError) as caught:
        open_source("mnist", "train", data_dir=tmp_path)
    message = str(caught.value)
    expected = {"parquet": "in parquet format", "future": "in future format"}.get(kind, "without TensorFlow")
    assert f"{there} is in " in message and expected in message
    assert message.endswith(f"get it by: python launch.py prepare --data=mnist --data-dir={tmp_path}")
    with pytest.raises(DataMissingError, match=rf"{there} is in .* can't download"):
        prepare("mnist", data_dir=tmp_path)


def test_a_format_of_several_is_enough(tiny, tmp_path):
    """As `tfds convert_format --out_file_format=array_record` leaves it."""
    target = spoil("tfrecord", tiny.made, tmp_path)
    for shard in tiny.made.glob("*array_record*"):
        shutil.copy(shard, target)
    info = json.loads((target / "dataset_info.json").read_text())
    (target / "dataset_info.json").write_text(json.dumps({**info, "alternativeFileFormats": ["array_record"]}))
    ours, theirs = (open_source("mnist", "train", data_dir=folder) for folder in (tmp_path, tiny.data_dir))
    assert ours.folder is not None and Path(str(ours.folder)) == target
    assert [ours[index] for index in range(5)] == [theirs[index] for index in range(5)]


def test_an_older_version_that_can_be_read_is_taken(tiny, tmp_path):
    spoil("half a description", tiny.made, tmp_path)
    shutil.copytree(tiny.made, tmp_path / "mnist" / "3.0.0")
    found = prepared_folder("mnist", tmp_path)
    assert found is not None and found.name == "3.0.0"


def test_where_both_places_are_taken_the_one_to_remove_is_named(tiny, tmp_path):
    spoil("tfrecord", tiny.made, tmp_path)
    another_format(tiny.made, tmp_path / BESIDE, "tfrecord")
    with pytest.raises(DataMissingError, match=rf"{tmp_path / BESIDE} holds no readable data set; remove it"):
        prepare("mnist", data_dir=tmp_path, manual_dir=tiny.archives)
    shutil.rmtree(tmp_path / BESIDE)
    assert prepare("mnist", data_dir=tmp_path, manual_dir=tiny.archives) == tmp_path / BESIDE


def test_a_folder_that_cant_be_listed_is_named(tmp_path, tiny, monkeypatch):
    def forbidden(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    (tmp_path / "mnist").mkdir()
    monkeypatch.setattr(type(epath.Path(tmp_path)), "iterdir", forbidden)
    assert choose("auto", "mnist", "digits", data_dir=tmp_path).rehearsal
    with pytest.raises(DataMissingError, match=rf"{tmp_path / 'mnist'} can't be read: Permission denied"):
        open_source("mnist", "train", data_dir=tmp_path)


def test_a_file_where_the_folder_belongs_is_named(tmp_path, tiny):
    (tmp_path / "mnist").write_text("hello")
    assert not is_prepared("mnist", tmp_path)
    with pytest.raises(Exception, match=rf"can't write {tmp_path / 'mnist'}.*choose another --data-dir"):
        prepare("mnist", data_dir=tmp_path, manual_dir=tiny.archives)


def test_photographs_lie_beside_too_and_compact_copies_are_made_from_them(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    manual = fill(tmp_path / "manual", below("imagenette2-320", IMAGENETTE))
    data_dir = tmp_path / "data"
    made = prepare("imagenette", data_dir=tmp_path / "elsewhere", manual_dir=manual)
    another_format(made, data_dir / "imagenette" / "320px-v2" / "1.0.0", "tfrecord")
    folder = prepare("imagenette", data_dir=data_dir, manual_dir=manual)
    assert folder == data_dir / "imagenette" / "320px-v2-array_record" / "1.0.0"
    assert len(tfds.data_source("imagenette/320px-v2-array_record", split="train", data_dir=data_dir)) == 4
    compact = prepare("imagenette", data_dir=data_dir, resize=32)
    assert compact.parent.name == "shorter-side-32" and Path(str(prepared_folder("imagenette", data_dir))) == folder
    (compact / "dataset_info.json").write_text("{")
    with pytest.raises(DataMissingError, match=rf"{compact} holds no readable data set; remove it"):
        prepare("imagenette", data_dir=data_dir, resize=32)
