"""Random access to the records of a data set: `open_source("mnist", "train")[17]`."""

import functools
import hashlib
import os
from collections.abc import Sequence
from typing import Any, TypedDict, cast

import numpy as np
from etils import epath

from jaxcnn.data import embedded
from jaxcnn.data.datasets import DATA_SETS, DataSet, compact_side, data_set, prepare_command
from jaxcnn.data.fingerprint import fingerprint
from jaxcnn.data.prepared import RANDOM_ACCESS_FORMAT, data_folder, prepared_folder, unreadable_copy
from jaxcnn.errors import DataMissingError, RunStoppedError, UsageError


def is_prepared(name: str, data_dir: epath.PathLike | None = None) -> bool:
    """Whether `open_source` would find the data set; always true for embedded data sets."""
    return data_set(name).embedded or prepared_folder(name, data_dir) is not None


def _prepare_again(entry: DataSet, folder: epath.Path) -> str:
    """The advice for a damaged data set: remove its folder and prepare it again."""
    depth = 2 if folder.parent.name == entry.tfds_name else 3  # name/version or name/configuration/version
    root = folder.parents[depth - 1]
    command = prepare_command(entry.name, None if root == data_folder() else root)
    side = compact_side(folder.parent.name)
    return f"remove {folder}, then run: {command}{f' --resize={side}' if side is not None else ''}"


def how_to_mend(source: "Source") -> str:
    """The advice for a damaged image."""
    return source.advice


def place_of(source: "Source", record: int) -> str:
    """What a message calls a record: its file, else its number."""
    return source.file(record) or f"{source.name}, {source.split} split, record {record}"


class Record(TypedDict):
    """One image, as JPEG or PNG bytes or uint8 [h, w, c], and its label, 0 … num_classes − 1."""

    image: bytes | np.ndarray
    label: int


class Source:
    """The records of one split: `source[i]` is `{"image": bytes or uint8 [h, w, c], "label": int}`.

    Images of TFDS data sets stay encoded (JPEG or PNG bytes). A source opens its files at the first access, is
    pickled as its name and folder, and can be read from any number of threads.

    Attributes:
        name: the data set.
        split: "train" or "test".
        num_classes: labels are 0 … num_classes − 1.
        class_names: the name of each label.
        folder: the TFDS version folder; None for embedded data sets.
        note: how this copy differs from the full data set, a sentence; empty if it doesn't.
        as_shown: whether images are decoded as an image viewer shows them (`decoding.decode`).
    """

    as_shown = False
    folder: epath.Path | None = None

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
        import tensorflow_datasets as tfds  # slow, and not needed by embedded data sets

        split = self._entry.train_split if self.split == "train" else self._entry.test_split
        skip = {"image": cast(Any, tfds.decode.SkipDecoding)()}
        try:
            builder = cast(Any, tfds.builder_from_directory(os.fspath(self.folder)))
            # A folder may hold the same records in several formats.
            records = builder.as_data_source(split, decoders=skip, file_format=RANDOM_ACCESS_FORMAT)
            return records, tuple(builder.info.features["label"].names)
        except Exception as error:  # from JSON, protocol buffers, or a missing field
            raise DataMissingError(
                f"{self.folder}/*.json can't be read ({type(error).__name__}); {self._again}"
            ) from error

    @property
    def _again(self) -> str:
        """The advice for a damaged data set."""
        if self.folder is None or self._entry.name not in DATA_SETS:
            return "prepare it again with TFDS"
        return _prepare_again(self._entry, self.folder)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._opened[1]

    @property
    def shorter_side(self) -> int | None:
        """The largest shorter side, in pixels, in a compact copy; None for any other copy."""
        return None if self.folder is None else compact_side(self.folder.parent.name)

    @property
    def note(self) -> str:
        full = self._entry.train_size if self.split == "train" else self._entry.test_size
        found = [] if len(self) == full else [f"has {len(self):,} {self.split} images, the full set {full:,}"]
        if self.shorter_side is not None:
            found.append(f"is compact: encoded as JPEG again, the shorter side {self.shorter_side} pixels")
        return f"this copy of {self.name} {', and '.join(found)}" if found else ""

    @property
    def location(self) -> str | None:
        """The folder or bucket that holds the records; None if they come with installed packages."""
        return None if self.folder is None else str(self.folder)

    @property
    def stored_bytes(self) -> int | None:
        """The size on disk of the whole data set; None where it isn't on a local disk."""
        if self.folder is None or "://" in str(self.folder):
            return None
        return sum(path.stat().length for path in self.folder.iterdir() if not path.is_dir())

    @property
    def advice(self) -> str:
        """What to do about a damaged image. It mentions the archive, from which the image may have come damaged."""
        if self.folder is None or self._entry.name not in DATA_SETS:  # records in memory, or prepared by TFDS alone
            return "prepare the data set again"
        return f"make sure that its archive isn't damaged too, {_prepare_again(self._entry, self.folder)}"

    def file(self, record: int) -> str | None:
        """The file that holds this record alone, for messages; None where there is none."""
        del record
        return None

    @functools.cached_property
    def fingerprint(self) -> str:
        """A digest of the split's content; see `data.fingerprint`. Raises what `__getitems__` raises."""
        return fingerprint(self)

    @functools.cached_property
    def files_version(self) -> str:
        """16 hexadecimal digits that change whenever a file is rewritten, even with the same content.

        Cached results use it as their key because, unlike the fingerprint, it never misses a change.
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
        """Reads several records at once, which is about twice as fast as one by one.

        Raises:
            RunStoppedError: the files are damaged or missing.
        """
        records = self._opened[0]
        if self.folder is None:
            return [records[int(index)] for index in indices]
        try:
            found = records.__getitems__([int(index) for index in indices])
        except (RuntimeError, OSError) as error:  # a checksum of array_record, or a missing file
            raise RunStoppedError(f"{self.name} is damaged ({error}); {self._again}") from error
        return [{"image": record["image"], "label": self._label(record["label"])} for record in found]

    def _label(self, label: Any) -> int:
        """Raises RunStoppedError for a record without a label, whose number TFDS writes as −1."""
        if not 0 <= label < self.num_classes:
            raise RunStoppedError(
                f"{self.name}, {self.split} split: a record has the label {label}, which names no class; choose a data "
                "set whose images are all labelled."
            )
        return int(label)


def open_source(name: str, split: str, *, data_dir: epath.PathLike | None = None) -> Source:
    """Opens one split of a data set.

    Args:
        name: a name in `datasets.DATA_SETS`.
        split: "train", or "test" for the split that the papers report on.
        data_dir: TFDS data folder or bucket; `$TFDS_DATA_DIR` or `~/tensorflow_datasets` if None.

    Raises:
        UsageError: there is no such data set or split.
        DataMissingError: the data set isn't prepared; the message has the command that prepares it.
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
            raise DataMissingError(f"{other.problem}; {_prepare_again(entry, other.folder)}")
        beside = f" ({other.problem})" if other is not None else ""
        raise DataMissingError(
            f"{name} is not in {data_folder(data_dir)} as {RANDOM_ACCESS_FORMAT}{beside}; "
            f"get it by: {prepare_command(name, data_dir)}"
        )
    return Source(entry, split, folder)
