import shutil

import pytest

from jaxcnn.data import datasets
from jaxcnn.data.preparation import archives as archives_module
from jaxcnn.data.preparation.choose import Choice, choose
from jaxcnn.data.sources import is_prepared
from jaxcnn.errors import DataMissingError, UsageError


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def unreachable(archive, folder, command, progress):
        raise DataMissingError(f"can't download {archive.url}")

    monkeypatch.setattr(archives_module, "download", unreachable)


def test_the_papers_data_is_taken_where_it_is(small_mnist):
    choice = choose("auto", "mnist", "digits", data_dir=small_mnist.data_dir)
    assert choice == Choice("mnist", False, "mnist was prepared before", "")


def test_archives_in_the_named_folder_are_prepared(small_mnist, tmp_path, monkeypatch):
    monkeypatch.setitem(datasets.DATA_SETS, "mnist", small_mnist.entry)
    choice = choose("auto", "mnist", "digits", data_dir=tmp_path, manual_dir=small_mnist.archives)
    assert (choice.name, choice.rehearsal) == ("mnist", False) and is_prepared("mnist", tmp_path)


@pytest.mark.parametrize(("paper", "rehearsal"), [("mnist", "digits"), ("imagenet2012", "photos")])
def test_without_data_there_is_a_rehearsal_that_says_why(tmp_path, paper, rehearsal):
    choice = choose("auto", paper, rehearsal, data_dir=tmp_path)
    assert (choice.name, choice.rehearsal) == (rehearsal, True)
    assert ("can't download" if paper == "mnist" else "ILSVRC2012_img_train.tar") in choice.reason
    assert choice.how_to_get.startswith(f"python launch.py prepare --data={paper} --data-dir={tmp_path}")


def test_a_damaged_archive_is_the_reason_for_a_rehearsal(small_mnist, tmp_path, monkeypatch):
    monkeypatch.setitem(datasets.DATA_SETS, "mnist", small_mnist.entry)
    folder = shutil.copytree(small_mnist.archives, tmp_path / "archives")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"")
    choice = choose("auto", "mnist", "digits", data_dir=tmp_path, manual_dir=folder)
    assert choice.rehearsal and "t10k-labels-idx1-ubyte.gz" in choice.reason


def test_a_data_folder_that_nobody_named_and_nobody_can_write_is_the_reason_for_a_rehearsal(monkeypatch, tmp_path):
    """A read-only home, or a shared folder without this set; one that was named is a mistake."""
    (tmp_path / "file").touch()
    unwritable = tmp_path / "file" / "tensorflow_datasets"
    monkeypatch.setenv("TFDS_DATA_DIR", str(unwritable))
    choice = choose("auto", "mnist", "digits")
    assert (choice.name, choice.rehearsal) == ("digits", True)
    assert choice.reason == f"can't write {unwritable}: Not a directory; choose another --data-dir"
    for arguments, data_dir in ((("auto", "mnist", "digits"), unwritable), (("mnist", "mnist", "digits"), None)):
        with pytest.raises(UsageError, match="choose another --data-dir"):
            choose(*arguments, data_dir=data_dir)


def test_a_name_never_falls_back(tmp_path):
    with pytest.raises(DataMissingError):
        choose("mnist", "mnist", "digits", data_dir=tmp_path)
    with pytest.raises(DataMissingError):
        choose("auto", "mnist", None, data_dir=tmp_path)
    with pytest.raises(UsageError, match="Did you mean 'mnist'"):
        choose("mnits", "mnist", "digits", data_dir=tmp_path)


def test_embedded_data_can_be_asked_for(tmp_path):
    choice = choose("photos", "imagenet2012", "photos", data_dir=tmp_path)
    assert (choice.name, choice.rehearsal) == ("photos", False)
