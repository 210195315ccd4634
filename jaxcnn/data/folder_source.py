"""A folder of class folders as a data set, read in place."""

import functools
import hashlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcnn.data.class_files import Files
from jaxcnn.data.class_folders import ClassFolders, read_class_folders
from jaxcnn.data.datasets import DataSet
from jaxcnn.data.decoding.any_image import LARGEST
from jaxcnn.data.held_out import content_hash, held_out, remembered
from jaxcnn.data.image_files import printable
from jaxcnn.data.sources import Record, Source
from jaxcnn.errors import DataMissingError


def folder_data_set(path: str) -> DataSet:
    """The metadata of a folder. Raises as `class_folders.read_class_folders`."""
    folders = read_class_folders(path)
    train, test = splits(folders)
    classes = len(folders.class_names)
    return DataSet(path, classes, channels=3, train_size=len(train), test_size=len(test), photographs=True)


class FolderSource(Source):
    """One split of a folder. Images are decoded as an image viewer shows them.

    Args:
        path: the folder, absolute.
        split: "train" or "test".

    Raises:
        DataMissingError: the folder can't be used, or has no such split.
    """

    as_shown = True

    def __init__(self, path: str, split: str) -> None:
        folders = read_class_folders(path)
        self.name, self.split, self.folder = path, split, None
        self.num_classes = len(folders.class_names)
        self._class_names = folders.class_names
        train, test = splits(folders)
        self._files = train if split == "train" else test
        self._stored_bytes = int(train.sizes.sum() + test.sizes.sum())
        if not len(self._files):
            raise DataMissingError(f"{printable(path)} has no {split} images; put them into {printable(path)}/{split}.")
        notes = list(folders.notes)
        if folders.test is None:
            notes.append(
                f"about every tenth image, chosen by its content, is a test image: {len(train):,} for training and "
                f"{len(test):,} for the test"
            )
        self._note = f"{printable(path)}: {'; '.join(notes)}" if notes else ""

    def __reduce__(self) -> Any:
        return FolderSource, (self.name, self.split)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._class_names

    @property
    def shorter_side(self) -> int | None:
        return None

    @property
    def note(self) -> str:
        return self._note

    @property
    def location(self) -> str | None:
        return self.name

    @property
    def stored_bytes(self) -> int | None:
        return self._stored_bytes

    @property
    def advice(self) -> str:
        return "replace or remove the damaged files"

    @functools.cached_property
    def files_version(self) -> str:
        return self._files.version()

    @functools.cached_property
    def fingerprint(self) -> str:
        """Of a sample of the contents, as everywhere, and of the name below the folder, label and size of each file."""
        names = "\0".join(os.path.relpath(path, self.name) for path in self._files.paths)
        digest = hashlib.sha256(f"{super().fingerprint} {names}".encode("utf-8", "surrogateescape"))
        for column in (self._files.labels, self._files.sizes):
            digest.update(column.tobytes())
        return digest.hexdigest()[:16]

    def file(self, record: int) -> str | None:
        return printable(self._files.paths[record])

    def __len__(self) -> int:
        return len(self._files)

    def __getitems__(self, indices: Sequence[int] | np.ndarray) -> list[Record]:
        places = [int(index) for index in indices]
        return [{"image": content(self._files.paths[at]), "label": int(self._files.labels[at])} for at in places]


def content(path: str) -> bytes:
    """The bytes of a file; none of one that can't be read, or is too large, which is then a damaged image."""
    try:
        with open(path, "rb") as file:
            found = file.read(LARGEST + 1)
    except OSError:
        return b""
    return found if len(found) <= LARGEST else b""


def splits(folders: ClassFolders) -> tuple[Files, Files]:
    """The training and the test images; without a test set, that of `held_out`."""
    if folders.test is not None:
        return folders.train or folders.test.chosen(np.zeros(len(folders.test), bool)), folders.test
    assert folders.train is not None, "one of the two is there"
    files = folders.train
    hashes = remembered(files.version(), lambda: np.array([content_hash(content(path)) for path in files.paths], "u8"))
    chosen = held_out(hashes, files.labels)
    return files.chosen(~chosen), files.chosen(chosen)
