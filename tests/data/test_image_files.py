"""Which files are images: by endings, by content where there is none; folders, links, hidden files, wrong names."""

import os
import sys

import pytest

from jaxcnn.data import image_files
from jaxcnn.data.image_files import find_images
from jaxcnn.errors import UsageError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def put(folder, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)


def test_a_folder_is_searched_in_sorted_order(tmp_path):
    put(tmp_path, "b/2.PNG", "b/10.jpg", "a.Jpeg", "c.webp", "b.gif", "b/deep/er/x.BMP", "새 폴더/고양이.tiff")
    put(tmp_path, ".hidden.png", ".git/x.png", "b/.trash/y.png", "__MACOSX/._a.jpg", "no-ending")
    put(tmp_path, "notes.txt", "b/labels.csv", "movie.mp4")
    (tmp_path / "README").write_text("no image")
    os.mkfifo(tmp_path / "pipe.png")
    paths, skipped = find_images([tmp_path])
    expected = ["a.Jpeg", "b/10.jpg", "b/2.PNG", "b/deep/er/x.BMP", "b.gif", "c.webp", "no-ending"]
    assert paths == [f"{tmp_path}/{name}" for name in [*expected, "새 폴더/고양이.tiff"]]
    assert skipped == 5  # the three, the README, and the pipe


def test_names_stay_as_they_were_given(tmp_path):
    put(tmp_path, "folder/a.png", "b.whatever")
    assert find_images(["b.whatever", "folder"]).paths == ["b.whatever", "folder/a.png"]
    assert find_images(["./folder/"]).paths == ["./folder/a.png"]
    assert find_images(["b.whatever", "b.whatever"]).paths == ["b.whatever", "b.whatever"]


def test_links_are_followed_and_circles_end(tmp_path):
    put(tmp_path, "real/a.png", "elsewhere/b.png")
    (tmp_path / "real" / "up").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "real" / "link.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "real" / "lost.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "real" / "lost.txt").symlink_to(tmp_path / "gone.txt")
    found = find_images(["real"])
    assert found.paths == ["real/a.png", "real/link.png", "real/lost.png", "real/other/b.png"] and found.skipped == 1


def test_a_home_folder_is_meant_by_its_sign(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    put(tmp_path, "home/a.png", "~backup.png")
    assert find_images(["~/a.png", "~backup.png"]).paths == [f"{tmp_path}/home/a.png", "~backup.png"]


def test_what_is_not_there_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    put(tmp_path, "texts/a.txt", "texts/b.md", "hidden/.a.png")
    os.mkfifo(tmp_path / "pipe")
    for named, message in (
        (["missing.png"], r"there is no missing\.png; name image files, or folders"),
        (["empty"], r"there are no images in empty: it has no files; an image ends in \.bmp, .*\.webp\."),
        (["hidden"], r"there are no images in hidden: it has no files"),
        (["texts"], r"there are no images in texts: its 2 files are of other kinds"),
        (["pipe"], r"pipe is neither a file nor a folder"),
        (["~nobody_at_all/a.png"], r"IMAGE=~nobody_at_all/a\.png: there is no home folder"),
        ([], r"no image is named"),
    ):
        with pytest.raises(UsageError, match=message):
            find_images(named)


def test_a_folder_that_may_not_be_read(tmp_path, monkeypatch):
    put(tmp_path, "a.png")

    def walk(folder, onerror, followlinks):
        onerror(PermissionError(13, "Permission denied", f"{folder}/secret"))
        yield from ()

    monkeypatch.setattr(image_files.os, "walk", walk)  # root may read everything
    with pytest.raises(UsageError, match=r"can't read the folder .*secret: Permission denied"):
        find_images([tmp_path])


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are UTF-8")
def test_names_that_are_not_utf_8(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    put(tmp_path, f"folder/{name}")
    (path,) = find_images([tmp_path / "folder"]).paths
    assert os.fsencode(path).endswith(b"caf\xe9.png")
    assert image_files.printable(path).endswith("caf\\xe9.png")
