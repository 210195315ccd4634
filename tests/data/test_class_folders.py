"""The layouts of folders of class folders, and what can be wrong with them."""

import os

import pytest
from own_images import put

from jaxcnn.data.class_folders import read_class_folders
from jaxcnn.errors import DataMissingError, UsageError


def relative(files, folder) -> list[str]:
    return [os.path.relpath(path, folder) for path in files.paths]


@pytest.mark.parametrize("test", ["test", "validation", "val", "Val"])
@pytest.mark.parametrize("train", ["train", "Train"])
def test_a_folder_for_each_split(tmp_path, train, test):
    put(tmp_path, f"{train}/b/2.png", f"{train}/a/1.png", f"{train}/b/deep/1.png", f"{test}/a/9.png", f"{test}/b/8.png")
    found = read_class_folders(str(tmp_path))
    assert found.class_names == ("a", "b") and found.notes == ()
    assert found.train is not None and found.test is not None
    assert relative(found.train, tmp_path) == [f"{train}/a/1.png", f"{train}/b/2.png", f"{train}/b/deep/1.png"]
    assert found.train.labels.tolist() == [0, 1, 1]
    assert relative(found.test, tmp_path) == [f"{test}/a/9.png", f"{test}/b/8.png"]


def test_the_test_set_comes_before_the_validation_set(tmp_path):
    put(tmp_path, *(f"{split}/{name}/1.png" for split in ("train", "val", "test") for name in "ab"))
    found = read_class_folders(str(tmp_path))
    assert found.test is not None and relative(found.test, tmp_path) == ["test/a/1.png", "test/b/1.png"]
    assert found.notes == (f"{tmp_path}/val isn't used: {tmp_path}/test is the test set",)


def test_class_folders_alone_leave_the_test_set_open(tmp_path):
    put(tmp_path, "b/2.PNG", "a/1.JPEG", "새 폴더/고양이.webp", "🐈 cat/1.bmp")
    found = read_class_folders(str(tmp_path))
    assert found.class_names == ("a", "b", "새 폴더", "🐈 cat") and found.test is None
    assert found.train is not None and found.train.labels.tolist() == [0, 1, 2, 3]
    put(tmp_path / "below", "train/a/1.png", "train/b/1.png", "val/1.png")  # Kaggle's flat validation images
    found = read_class_folders(str(tmp_path / "below"))
    assert found.test is None and found.notes[0] == "skipped: 1 outside of the class folders"


def test_train_and_test_may_be_classes(tmp_path):
    put(tmp_path, "train/1.png", "plane/1.png", "test/1.png")
    assert read_class_folders(str(tmp_path)).class_names == ("plane", "test", "train")


def test_a_test_set_alone_can_have_one_class(tmp_path):
    put(tmp_path, "test/a/1.png")
    found = read_class_folders(str(tmp_path))
    assert found.train is None and found.test is not None and len(found.test) == 1


def test_what_is_skipped_is_counted(tmp_path):
    put(tmp_path, "a/1.png", "b/1.png", "loose.png", "a/.hidden.png", ".git/x.png", "__MACOSX/a/1.png")
    (tmp_path / "a" / "labels.csv").write_text("1")
    (tmp_path / "README.md").write_text("images")
    assert read_class_folders(str(tmp_path)).notes == (
        "skipped: 3 hidden, 2 that are no images (.md, .csv), 1 outside of the class folders",
    )


def test_links_are_followed_and_dont_lead_to_other_classes(tmp_path):
    put(tmp_path, "data/a/1.png", "data/b/1.png", "elsewhere/2.png")
    (tmp_path / "data" / "a" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "a" / "up").symlink_to(tmp_path / "data")  # an endless loop, and everything of class b
    (tmp_path / "data" / "c").symlink_to(tmp_path / "elsewhere")
    found = read_class_folders(str(tmp_path / "data"))
    assert found.train is not None
    assert relative(found.train, tmp_path / "data") == ["a/1.png", "a/link/2.png", "b/1.png", "c/2.png"]


def refused(folder, *names: str) -> str:
    put(folder, *names)
    with pytest.raises(DataMissingError) as caught:
        read_class_folders(str(folder))
    line = str(caught.value)
    assert "\n" not in line and str(folder) in line
    return line


def test_an_empty_class_is_refused(tmp_path):
    (tmp_path / "train" / "empty").mkdir(parents=True)
    assert "has no images of empty; put images there" in refused(tmp_path, "train/a/1.png", "val/a/1.png")


def test_a_class_without_test_images_is_noted(tmp_path):
    put(tmp_path, "train/a/1.png", "train/b/1.png", "val/a/1.png")
    (tmp_path / "val" / "b").mkdir()
    assert read_class_folders(str(tmp_path)).notes == (f"{tmp_path}/val has no images of b",)


def test_classes_that_differ_in_case_alone_are_refused(tmp_path):
    assert "'Cat' and 'cat'" in refused(tmp_path, "Cat/1.png", "cat/1.png", "dog/1.png")


def test_also_across_the_splits(tmp_path):
    names = ("train/cat/1.png", "train/dog/1.png", "val/Cat/1.png", "val/dog/1.png")
    assert "'Cat' and 'cat'" in refused(tmp_path, *names)


def test_a_class_that_only_the_test_set_has_is_refused(tmp_path):
    line = refused(tmp_path, "train/a/1.png", "train/b/1.png", "val/a/1.png", "val/z/1.png")
    assert "val has z, which" in line and "put training images there, or remove the class" in line


def test_one_class_is_refused(tmp_path):
    assert "one class folder only, a;" in refused(tmp_path, "a/1.png")


def test_a_folder_without_class_folders_is_refused(tmp_path):
    assert "has no class folders" in refused(tmp_path, "1.png", "2.png")


def test_flat_splits_are_refused(tmp_path):
    assert f"sort its images into {tmp_path}/train/<class>/" in refused(tmp_path, "train/1.png", "val/1.png")


def test_a_test_set_without_images_is_refused(tmp_path):
    (tmp_path / "val" / "a").mkdir(parents=True)
    assert "val has no images" in refused(tmp_path, "train/a/1.png", "train/b/1.png")


def test_names_that_arent_utf8_are_escaped(tmp_path):
    os.makedirs(os.fsencode(tmp_path) + b"/caf\xe9")
    line = refused(tmp_path, "a/1.png")
    assert "caf\\xe9" in line and "rename it" in line


def test_a_file_and_a_missing_folder_are_refused(tmp_path):
    put(tmp_path, "a.png")
    with pytest.raises(UsageError, match="is a file"):
        read_class_folders(f"{tmp_path}/a.png")
    with pytest.raises(DataMissingError, match=r"there is no folder .*/gone"):
        read_class_folders(f"{tmp_path}/gone")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cant_be_read_is_refused(tmp_path):
    put(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "b").chmod(0)
    try:
        with pytest.raises(UsageError, match=r"can't read the folder .*/b: Permission denied"):
            read_class_folders(str(tmp_path))
    finally:
        (tmp_path / "b").chmod(0o700)
