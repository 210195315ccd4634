"""What can't be taken is refused in one line that says what was found, without bytes and without a traceback."""

import gzip
import io
import os
import re
import tarfile
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manual_dirs import (
    BATCHES,
    CIFAR,
    CLASS_TARS,
    CLASSES,
    IMAGENETTE,
    IMAGES,
    LEFT_BY_MACOS,
    SNAKE,
    SPRINGER,
    TENCH,
    TRAIN,
    VAL,
    Files,
    below,
    fill,
    jpeg,
    tar,
)
from scipy.io import savemat

from jaxcnn.data.datasets import DATA_SETS
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.data.sources import is_prepared, open_source
from jaxcnn.errors import DataMissingError


def mat(**arrays) -> bytes:
    file = io.BytesIO()
    savemat(file, arrays)
    return file.getvalue()


DIGITS = mat(X=np.zeros((32, 32, 3, 2), np.uint8), y=np.ones((2, 1), np.uint8))
PYTHON = {f"cifar-10-batches-py/data_batch_{number}": b"\x80\4" for number in range(1, 6)}

# (data set, what lies there, what the message has to have)
REFUSED: dict[str, tuple[str, Files, str]] = {
    "swapped": (
        "imagenet2012",
        {TRAIN: tar(IMAGES), VAL: tar(CLASS_TARS)},
        "_train.tar holds ILSVRC2012_val_00000001.JPEG.*swapped",
    ),
    "train twice": (
        "imagenet2012",
        {TRAIN: tar(CLASS_TARS), VAL: tar(CLASS_TARS)},
        "_val.tar holds .*n01440764_0.JPEG.*swapped",
    ),
    "unknown class": (
        "imagenet2012",
        {TRAIN: tar({"n99999999/a.JPEG": jpeg(1)}), VAL: tar(IMAGES)},
        "class n99999999, which imagenet2012 doesn't have",
    ),
    "unknown folder": (
        "imagenet2012",
        {TRAIN: tar({"train/cats/a.JPEG": jpeg(1)}), VAL: tar(IMAGES)},
        "cats/a.JPEG of the class cats",
    ),
    "wrong folder": (
        "imagenet2012",
        below("train", CLASSES) | {f"val/{TENCH}/ILSVRC2012_val_00000001.JPEG": jpeg(1)},
        f"its class is {SNAKE}",
    ),
    "no image": (
        "imagenet2012",
        {TRAIN: tar({f"{TENCH}/{TENCH}_1.JPEG": b"\xff\xd8\xff\xe0" * 9}), VAL: tar(IMAGES)},
        "n01440764_1.JPEG is not a readable",
    ),
    "nothing but leftovers": ("imagenet2012", {TRAIN: tar(LEFT_BY_MACOS), VAL: tar(IMAGES)}, "holds no train images"),
    "empty tars": ("imagenet2012", {TRAIN: tar({}), VAL: tar({})}, "_train.tar holds no train images"),
    "no val images": ("imagenet2012", {TRAIN: tar(CLASS_TARS), VAL: tar({})}, "_val.tar holds no validation images"),
    "no bytes": ("imagenet2012", {TRAIN: b"", VAL: b""}, "_train.tar is damaged"),
    "a web page": ("imagenet2012", {TRAIN: b"<html>log in</html>" * 50, VAL: b""}, "_train.tar is damaged"),
    "text for a tar": (
        "imagenet2012",
        {TRAIN: tar({f"{TENCH}.tar": b"hello"}), VAL: tar(IMAGES)},
        "n01440764.tar is damaged",
    ),
    "twice": (
        "imagenet2012",
        {TRAIN: tar(CLASS_TARS | below("again", CLASS_TARS)), VAL: tar(IMAGES)},
        "n01440764_0.JPEG twice",
    ),
    "train alone": ("imagenet2012", below("train", CLASSES), "needs ILSVRC2012_img_val.tar"),
    "class folders": ("imagenet2012", CLASSES, r"n01440764/ \(a class"),
    "another imagenet": (
        "imagenet2012",
        below("train", CLASSES) | {"val/images/val_0.JPEG": jpeg(1)},
        r"val/ \(without class folders",
    ),
    "a zip": ("imagenet2012", {"imagenet.zip": b"PK"}, r"imagenet.zip \(unpack it\)"),
    "letters": ("imagenet2012", {TRAIN: tar({"a\n\x1b[31mb/x.JPEG": jpeg(1)}), VAL: tar(IMAGES)}, "of the class a"),
    "nothing": ("imagenet2012", {}, "needs ILSVRC2012_img_train.tar"),
    "imagewoof": ("imagenette", {"imagewoof2.tgz": b""}, r"imagewoof2.tgz \(other classes\)"),
    "first version": ("imagenette", {"imagenette-320.tgz": b""}, "the second is needed"),
    "other folder": ("imagenette", {"imagenette2.tgz": tar(IMAGENETTE)}, "holds 'train'; allowed: imagenette2"),
    "unnamed folder": ("imagenette", IMAGENETTE, r"train/ \(its parent folder must be called imagenette2-320"),
    "no val": (
        "imagenette",
        {"imagenette2.tgz": tar(below("imagenette2/train", CLASSES))},
        "holds no validation images",
    ),
    "foreign class": (
        "imagenette",
        {"imagenette2.tgz": tar({f"imagenette2/train/{SNAKE}/a.JPEG": jpeg(1)})},
        f"class {SNAKE}, which imagenette",
    ),
    "no jpeg": (
        "imagenette",
        {"imagenette2.tgz": tar({f"imagenette2/train/{TENCH}/a.JPEG": b"\xff\xd8junk"})},
        "a.JPEG is not a readable",
    ),
    "no folders": ("imagenette", {"imagenette2.tgz": tar({"README": b""})}, "holds no image in a class folder"),
    "Python version": ("cifar10", {"cifar-10-python.tar.gz": b""}, r"cifar-10-python.tar.gz \(the Python version"),
    "Python folder": ("cifar10", PYTHON, r"cifar-10-batches-py/ \(the Python version"),
    "Python renamed": (
        "cifar10",
        {"cifar-10-binary.tar.gz": tar(PYTHON, "w:gz")},
        "holds cifar-10-batches-py/data_batch_1",
    ),
    "few names": ("cifar10", CIFAR | {"batches.meta.txt": b"\xff\xfe a b"}, "has 3 names for the 10 values of label"),
    "equal names": ("cifar10", CIFAR | {"batches.meta.txt": b"a " * 10}, "has 1 names for the 10 values of label"),
    "empty batches": ("cifar10", CIFAR | dict.fromkeys(BATCHES, b""), "holds no train images"),
    "a batch": ("cifar10", {"cifar-10-batches-bin/data_batch_1.bin": b""}, "lacks .*data_batch_2.bin"),
    "the other cifar": ("cifar100", {"cifar-100-binary.tar.gz": tar(CIFAR, "w:gz")}, "lacks coarse_label_names.txt"),
    "tables": ("mnist", {"mnist_train.csv": b"1"}, r"mnist_train.csv \(a layout that is not supported"),
    "half": (
        "mnist",
        {"train-images-idx3-ubyte": b"", "train-labels-idx1-ubyte": b""},
        "needs t10k-images-idx3-ubyte.gz, t10k-labels",
    ),
    "houses": ("svhn_cropped", {"train.tar.gz": b""}, r"train.tar.gz \(whole house numbers"),
    "no digits": (
        "svhn_cropped",
        {"train_32x32.mat": mat(X=np.zeros((32, 32, 3, 0), np.uint8), y=np.zeros((0, 1))), "test_32x32.mat": DIGITS},
        "holds no",
    ),
    "letters for digits": (
        "svhn_cropped",
        {"train_32x32.mat": mat(X=np.zeros((2, 2)), y="hello"), "test_32x32.mat": DIGITS},
        "holds no SVHN digits",
    ),
    "half digits": (
        "svhn_cropped",
        {"train_32x32.mat": mat(X=np.zeros((32, 32, 3, 1), np.uint8), y=np.array([[1.5]])), "test_32x32.mat": DIGITS},
        "holds no SVHN digits",
    ),
    "no arrays": ("svhn_cropped", {"train_32x32.mat": mat(a=1), "test_32x32.mat": DIGITS}, "holds no SVHN digits"),
}


def assert_refused(name: str, data_dir: Path, manual: Path) -> str:
    """Expects one line without bytes, and that nothing is left; returns the line."""
    with pytest.raises(DataMissingError) as caught:
        prepare(name, data_dir=data_dir, manual_dir=manual)
    message = str(caught.value)
    assert "\n" not in message and message.isprintable() and "\\x" not in message and len(message) < 1200
    assert not is_prepared(name, data_dir)
    assert [path for path in data_dir.rglob("*") if path.is_file() and path.name != "metadata.json"] == []
    return message


@pytest.mark.parametrize("case", REFUSED)
def test_the_rest_is_refused_with_what_was_found(tmp_path, case):
    name, files, expected = REFUSED[case]
    message = assert_refused(name, tmp_path / "data", fill(tmp_path / "manual", files))
    assert re.search(expected, message), message


def test_after_a_failure_the_next_try_succeeds(tmp_path):
    manual = fill(tmp_path / "manual", {TRAIN: tar(CLASS_TARS), VAL: tar(CLASS_TARS)})
    assert_refused("imagenet2012", tmp_path / "data", manual)
    (manual / VAL).write_bytes(tar(IMAGES))
    prepare("imagenet2012", data_dir=tmp_path / "data", manual_dir=manual)
    assert len(open_source("imagenet2012", "test", data_dir=tmp_path / "data")) == 3


def test_another_sets_files_are_recognised(tmp_path, tiny, monkeypatch):
    monkeypatch.setitem(DATA_SETS, "mnist", tiny.entry)
    message = assert_refused("fashion_mnist", tmp_path / "data", tiny.archives)
    assert "train-images-idx3-ubyte.gz is mnist's train-images-idx3-ubyte.gz" in message


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_in_a_tar_are_refused_with_the_way_out(tmp_path, kind):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo(f"{TENCH}/{TENCH}_1.JPEG")
        member.type, member.linkname = kind, "nowhere.JPEG"
        archive.addfile(member)
    manual = fill(tmp_path / "manual", {TRAIN: file.getvalue(), VAL: tar(IMAGES)})
    assert "--dereference" in assert_refused("imagenet2012", tmp_path / "data", manual)


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def forbidden(path, *_, **__):
        raise PermissionError(13, "Permission denied", os.fspath(path))

    manual = fill(tmp_path / "manual", {"cifar-10-binary.tar.gz": b"", "train_32x32.mat": b"", "test_32x32.mat": b""})
    monkeypatch.setattr("pathlib.Path.open", forbidden)
    for name, file in (("cifar10", "cifar-10-binary.tar.gz"), ("svhn_cropped", "train_32x32.mat")):
        message = assert_refused(name, tmp_path / "data", manual)
        assert message == f"{manual / file} can't be read: Permission denied"


def test_an_archive_for_a_folder_is_told_apart(tmp_path):
    manual = fill(tmp_path / "manual", {"cifar-10-binary.tar.gz": b""})
    message = assert_refused("cifar10", tmp_path / "data", manual / "cifar-10-binary.tar.gz")
    assert message.endswith(f"is not a folder; name the one it lies in, {manual}")


NAMES = st.sampled_from(
    [
        *(f"{TENCH}_1.JPEG", f"{SPRINGER}_2.jpg", "ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_99999999.JPEG"),
        *("ILSVRC2012_val_x.JPEG", "._a.JPEG", f"{TENCH}.tar", "a.tar", *BATCHES[:2], "batches.meta.txt", "x"),
    ]
)
FOLDERS = st.sampled_from(
    ["", "train", "val", TENCH, "n99999999", "imagenette2", "cats", "..", "/", "cifar-10-batches-bin"]
)
CONTENTS = st.sampled_from(
    [
        *(jpeg(1), jpeg(2, "PNG"), jpeg(3)[:60], b"", b"\xff\xd8", bytes(3073), tar({f"{TENCH}_9.JPEG": jpeg(4)})),
        *(tar(CLASSES)[:700], gzip.compress(b"hello")),
    ]
)
TREES = st.dictionaries(
    st.tuples(st.lists(FOLDERS, max_size=3), NAMES).map(lambda parts: "/".join([*parts[0], parts[1]])),
    CONTENTS,
    max_size=6,
)
ARCHIVES = st.one_of(
    st.binary(max_size=600),
    TREES.map(tar),
    TREES.map(lambda files: tar(files, "w:gz")),
    st.tuples(TREES.map(tar), st.integers(0, 2000)).map(lambda cut: cut[0][: cut[1]]),
)


@pytest.mark.parametrize("name", ["imagenet2012", "imagenette", "cifar10", "cifar100", "mnist", "svhn_cropped"])
@given(contents=st.lists(ARCHIVES, min_size=4, max_size=4))
@settings(max_examples=20)
def test_no_content_ends_in_a_traceback(name, contents):
    with tempfile.TemporaryDirectory() as folder:
        required = [archive.file_name for archive in DATA_SETS[name].archives if not archive.optional]
        manual = fill(Path(folder) / "manual", dict(zip(required, contents, strict=False)))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                prepare(name, data_dir=Path(folder) / "data", manual_dir=manual)
            except DataMissingError as error:
                assert "\n" not in str(error) and str(error).isprintable() and "\\x" not in str(error)
                return
        assert all(len(open_source(name, split, data_dir=Path(folder) / "data")) for split in ("train", "test"))
