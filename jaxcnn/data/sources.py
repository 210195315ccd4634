"""Random access to the records of a data set, wherever it lies: `open_source("mnist", "train")[17]`."""

import functools
import hashlib
import os
from collections.abc import Sequence
from typing import Any, TypedDict, cast

import numpy as np
from etils import epath

from jaxcnn.data import embedded
from jaxcnn.data.datasets import DataSet, compact_side, data_set, prepare_command
from jaxcnn.data.fingerprint import fingerprint
from jaxcnn.data.prepared import RANDOM_ACCESS_FORMAT, data_folder, prepared_folder, unreadable_copy
from jaxcnn.errors import DataMissingError, RunStoppedError, UsageError


def is_prepared(name: str, data_dir: epath.PathLike | None = None) -> bool:
    """Whether `open_source` would find the data set; always true for the embedded ones."""
    return data_set(name).embedded or prepared_folder(name, data_dir) is not None


def _prepare_anew(entry: DataSet, folder: epath.Path) -> str:
    """What to do about a damaged data set: its folder has no other use."""
    depth = 2 if folder.parent.name == entry.tfds_name else 3  # name/version or name/configuration/version
    root = folder.parents[depth - 1]
    command = prepare_command(entry.name, None if root == data_folder() else root)
    side = compact_side(folder.parent.name)
    return f"remove {folder}, then run: {command}{f' --resize={side}' if side is not None else ''}"


def how_to_mend(source: "Source") -> str:
    """What to do about a damaged image in a data set: preparing it from the same archive may store the same image."""
    folder = getattr(source, "folder", None)  # records in memory, in place of a source, have none
    if folder is None:
        return "prepare the data set anew"
    return f"make sure that its archive isn't damaged too, {_prepare_anew(data_set(source.name), folder)}"


class Record(TypedDict):
    """One picture, JPEG or PNG bytes or uint8 [h, w, c], and its label, 0 … num_classes − 1."""

    image: bytes | np.ndarray
    label: int


class Source:
    """The records of one split: `source[i]` is `{"image": bytes or uint8 [h, w, c], "label": int}`.

    Pictures of TFDS sets stay encoded (JPEG or PNG bytes). A source pickles as its name and folder, and
    opens its files when the first record is asked for; any number of threads may read from it.

    Attributes:
        name, split: what was opened; split is "train" or "test".
        num_classes, class_names: the labels, 0 … num_classes − 1, and a name for each.
        folder: where the TFDS data set lies; None for the embedded sets.
        note: empty, or a sentence on what sets this copy apart from the full data set.
    """

    def __init__(self, entry: DataSet, split: str, folder: epath.Path | None):
        self.name = entry.name
        self.split = split
        self.num_classes = entry.num_classes
        self.folder = folder
        self._entry = entry

    def __reduce__(self):
        return (Source, (self._entry, self.split, self.folder))

    def __repr__(self) -> str:
        return f"Source({self.name}, {self.split}, {len(self)} records)"

    @functools.cached_property
    def _opened(self) -> tuple[Any, tuple[str, ...]]:
        if self.folder is None:
            records = {"digits": embedded.Digits, "photos": embedded.Photos}[self.name](self.split)
            return records, records.class_names
        import tensorflow_datasets as tfds  # takes half a second, and not everybody needs it

        split = self._entry.train_split if self.split == "train" else self._entry.test_split
        skip = {"image": cast(Any, tfds.decode.SkipDecoding)()}
        try:
            builder = cast(Any, tfds.builder_from_directory(os.fspath(self.folder)))
            # The format by its name: a folder may hold the same records in several.
            records = builder.as_data_source(split, decoders=skip, file_format=RANDOM_ACCESS_FORMAT)
            return records, tuple(builder.info.features["label"].names)
        except Exception as error:  # a JSON file's, a protocol buffer's, a missing field's
            anew = _prepare_anew(self._entry, self.folder)
            raise DataMissingError(f"{self.folder}/*.json can't be read ({type(error).__name__}); {anew}") from error

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._opened[1]

    @property
    def shorter_side(self) -> int | None:
        """Of a compact copy: the pixels of its pictures' shorter sides, at most. None for any other."""
        return None if self.folder is None else compact_side(self.folder.parent.name)

    @property
    def note(self) -> str:
        full = self._entry.train_size if self.split == "train" else self._entry.test_size
        found = [] if len(self) == full else [f"has {len(self):,} {self.split} pictures, the full set {full:,}"]
        if self.shorter_side is not None:
            found.append(f"is a compact one: JPEG again, the shorter side {self.shorter_side} pixels")
        return f"this copy of {self.name} {', and '.join(found)}" if found else ""

    @functools.cached_property
    def fingerprint(self) -> str:
        """What the split holds, wherever it lies: see `data.fingerprint`. Raises as `__getitems__` does."""
        return fingerprint(self)

    @functools.cached_property
    def files_version(self) -> str:
        """Sixteen hexadecimal digits that change whenever a file is written anew, be it with the same content.

        What was computed from the files goes by this: unlike the fingerprint it never misses a change.
        """
        content = b"embedded"
        if self.folder is not None:
            shards = sorted(path for path in self.folder.iterdir() if RANDOM_ACCESS_FORMAT in path.name)
            content = (self.folder / "dataset_info.json").read_bytes()
            for path in shards:
                status = path.stat()
                content += f"{path.name} {status.length} {status.mtime}".encode()
        return hashlib.sha256(f"{self.name} {self.split} ".encode() + content).hexdigest()[:16]

    def __len__(self) -> int:
        return len(self._opened[0])

    def __getitem__(self, index: int) -> Record:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int] | np.ndarray) -> list[Record]:
        """Several records at once: about twice as fast as one by one.

        Raises:
            RunStoppedError: the files are damaged or gone.
        """
        records = self._opened[0]
        if self.folder is None:
            return [records[int(index)] for index in indices]
        try:
            found = records.__getitems__([int(index) for index in indices])
        except (RuntimeError, OSError) as error:  # array_record's own checksums, or a file that has gone
            raise RunStoppedError(
                f"{self.name} is damaged ({error}); {_prepare_anew(self._entry, self.folder)}"
            ) from error
        return [{"image": record["image"], "label": int(record["label"])} for record in found]


def open_source(name: str, split: str, *, data_dir: epath.PathLike | None = None) -> Source:
    """Opens one split of a data set.

    Args:
        name: one of `datasets.DATA_SETS`.
        split: "train", or "test" for the split that the papers report on.
        data_dir: TFDS data folder or bucket address; `$TFDS_DATA_DIR` or `~/tensorflow_datasets` if None.

    Raises:
        UsageError: no such data set or split.
        DataMissingError: not prepared yet; the message has the command that does it.
    """
    entry = data_set(name)
    if split not in ("train", "test"):
        raise UsageError(f"unknown split {split!r}; allowed: 'train', 'test'")
    if entry.embedded:
        return Source(entry, split, None)
    folder = prepared_folder(name, data_dir)
    if folder is None:
        other = unreadable_copy(name, data_dir)
        if other is not None and other.damaged:
            raise DataMissingError(f"{other.problem}; {_prepare_anew(entry, other.folder)}")
        beside = f" ({other.problem})" if other is not None else ""
        raise DataMissingError(
            f"{name} is not in {data_folder(data_dir)} as {RANDOM_ACCESS_FORMAT}{beside}; "
            f"get it by: {prepare_command(name, data_dir)}"
        )
    return Source(entry, split, folder)
