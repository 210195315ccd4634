"""Finding prepared data sets in a TFDS data folder, including copies that can't be read.

TFDS writes TFRecord by default, which only TensorFlow reads; this project reads and writes array_record. A version
folder holds one format. If it is already taken, our copy goes beside it under a configuration of its own, such as
`mnist/array_record/3.0.1`, which `tfds.data_source("mnist/array_record")` reads too.
"""

import dataclasses
import json
import os
from collections.abc import Iterator
from typing import Any

from etils import epath

from jaxcnn.data.datasets import DataSet, beside_config, compact_side, data_set
from jaxcnn.errors import DataMissingError, UsageError
from jaxcnn.runtime.paths import expanded

RANDOM_ACCESS_FORMAT = "array_record"
WITHOUT_TENSORFLOW = {
    "tfrecord": "in TFRecord format, which can't be read without TensorFlow",
    "riegeli": "in riegeli format, which can't be read without TensorFlow",
}


@dataclasses.dataclass(frozen=True)
class Copy:
    """A version folder that holds, or should hold, a data set.

    Attributes:
        folder: `<data folder>/<name>/[<configuration>/]<version>`.
        problem: why this copy can't be read, starting with the folder or the file; empty if it can.
        damaged: whether no program can read it.
    """

    folder: epath.Path
    problem: str = ""
    damaged: bool = False


def data_folder(data_dir: epath.PathLike | None = None) -> epath.Path:
    """The TFDS data folder: the given one, else `$TFDS_DATA_DIR`, else `~/tensorflow_datasets`.

    Raises:
        UsageError: it is a file, or a bucket that can't be opened.
    """
    data_dir = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    try:
        folder = epath.Path(expanded(data_dir, "--data-dir"))
        is_other = folder.exists() and not folder.is_dir()  # imports the library of a bucket
    except (ImportError, KeyError) as error:
        raise UsageError(f"--data-dir={data_dir} can't be opened: {error}; or mount the bucket as a folder") from error
    except OSError as error:
        raise UsageError(f"--data-dir={data_dir} can't be opened: {error.strerror}; name another folder") from error
    if is_other:
        raise UsageError(f"--data-dir={data_dir} is not a folder; name the one with the data sets, or a new one")
    return folder


def prepared_folder(
    name: str, data_dir: epath.PathLike | None = None, *, config: str | None = None
) -> epath.Path | None:
    """Finds the folder of a prepared TFDS data set without importing TFDS.

    The best configuration comes first (`DataSet.configs`), compact copies last, the largest of them first. Among
    versions, the one that TFDS writes now comes first, then the newest. Copies that can't be read are skipped.

    Args:
        name: the data set.
        data_dir: as for `data_folder`.
        config: the only configuration to accept; None accepts all.

    Returns:
        The version folder, or None if there is none.
    """
    return next((copy.folder for copy in _copies(name, data_dir, config) if not copy.problem), None)


def unreadable_copy(name: str, data_dir: epath.PathLike | None = None, *, config: str | None = None) -> Copy | None:
    """The first copy that can't be read, or None; arguments as for `prepared_folder`."""
    return next((copy for copy in _copies(name, data_dir, config) if copy.problem), None)


def _copies(name: str, data_dir: epath.PathLike | None, config: str | None) -> Iterator[Copy]:
    """Every version folder of the data set, the preferred ones first."""
    entry = data_set(name)
    root = data_folder(data_dir) / str(entry.tfds_name)
    if config:
        parents = [root / config]
    else:
        own = [
            parent
            for wanted in entry.configs or (None,)
            for parent in (root / (wanted or ""), root / beside_config(wanted))
        ]
        parents = own + _compact_copies(root, entry)
    for parent in parents:
        versions = [folder for folder in _children(parent) if _is_version(folder.name)]
        versions.sort(key=lambda folder: (folder.name == entry.version, [int(n) for n in folder.name.split(".")]))
        for folder in reversed(versions):
            yield _inspect(entry, folder)


def _compact_copies(root: epath.Path, entry: DataSet) -> list[epath.Path]:
    if not entry.photographs:
        return []
    found = [folder for folder in _children(root) if compact_side(folder.name) is not None]
    return sorted(found, key=lambda folder: compact_side(folder.name) or 0, reverse=True)


def _children(folder: epath.Path) -> list[epath.Path]:
    """The entries of a folder; none if it doesn't exist."""
    try:
        return list(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise DataMissingError(f"{folder} can't be read: {error.strerror}; choose another --data-dir") from error


def _is_version(name: str) -> bool:
    return len(name.split(".")) == 3 and all(part.isdigit() for part in name.split("."))


def _inspect(entry: DataSet, folder: epath.Path) -> Copy:
    """Checks a version folder by its two JSON files."""
    info_file, features_file = folder / "dataset_info.json", folder / "features.json"
    if not info_file.exists():
        return Copy(folder, f"{folder} is incomplete: it has no {info_file.name}", damaged=True)
    info = _read_object(info_file)
    if info is None:
        return Copy(folder, f"{info_file} is damaged", damaged=True)
    found = {str(info.get("fileFormat") or "tfrecord"), *map(str, info.get("alternativeFileFormats") or ())}
    if RANDOM_ACCESS_FORMAT not in found:
        other = min(found)
        what = WITHOUT_TENSORFLOW.get(other, f"in {other} format, which is not supported")
        return Copy(folder, f"{folder} is {what}")
    splits = [split.get("name") for split in info.get("splits") or () if isinstance(split, dict)]
    missing = [split for split in (entry.train_split, entry.test_split) if split not in splits]
    if missing:
        return Copy(folder, f"{folder} is incomplete: {info_file.name} names no {missing[0]!r} split", damaged=True)
    if _read_object(features_file) is None:
        return Copy(folder, f"{features_file} is damaged", damaged=True)
    return Copy(folder)


def _read_object(file: epath.Path) -> dict[str, Any] | None:
    """The JSON object in a file; None if the file holds anything else."""
    try:
        content = json.loads(file.read_text())
    except (ValueError, OSError):
        return None
    return content if isinstance(content, dict) else None
