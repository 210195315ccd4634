"""`prepare(name)` turns original archives into a TFDS data set on disk, without TensorFlow."""

import contextlib
import errno
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etils import epath

from jaxcnn.data.datasets import DataSet, compact_config, compact_side, data_set
from jaxcnn.data.preparation.archives import find_archives
from jaxcnn.data.prepared import data_folder, prepared_folder, unreadable_copy
from jaxcnn.data.progress import Progress
from jaxcnn.errors import DataMissingError, JaxcnnError, UsageError
from jaxcnn.runtime.paths import expanded

log = logging.getLogger(__name__)

SIDES = range(32, 1025)  # allowed shorter sides of compact copies, pixels

NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG}


def prepare(
    name: str,
    *,
    data_dir: epath.PathLike | None = None,
    manual_dir: epath.PathLike | None = None,
    resize: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Writes a data set in TFDS's array_record format, unless it is already prepared.

    The folder gets its final name when it is complete, so an interrupted call leaves nothing that looks prepared.
    Copies in other formats, such as TFRecord, are left unchanged; the new copy goes beside them.

    Args:
        name: the data set.
        data_dir: local TFDS data folder; `$TFDS_DATA_DIR` or `~/tensorflow_datasets` if None.
        manual_dir: the folder with the original archives, packed or unpacked; if None, they are downloaded where
            possible.
        resize: makes a compact copy in which the shorter side of an image has at most this many pixels, from the full
            data set if it is prepared, otherwise from the archives.
        progress: called with (what, done, total or None) during the work.

    Returns:
        The data set's folder. `tfds.data_source(name, data_dir=data_dir)` reads it too, or, beside a copy in another
        format, `tfds.data_source(f"{name}/array_record", data_dir=data_dir)`.

    Raises:
        UsageError: the data set is unknown or embedded, the folder can't be written, or there are no photographs to
            resize.
        DataMissingError: an archive is missing or damaged.
        JaxcnnError: the disk is full.
    """
    entry = data_set(name)
    if entry.embedded:
        raise UsageError(f"{name} comes with installed packages: there is nothing to prepare")
    if "://" in str(data_dir or os.environ.get("TFDS_DATA_DIR")):
        raise UsageError("the data folder is a bucket: prepare into a local --data-dir and copy that there")
    if resize is not None and not entry.photographs:
        raise UsageError(f"--resize makes a compact copy of photographs; images of {name} have one small size already")
    if resize is not None and resize not in SIDES:
        raise UsageError(f"--resize (={resize}) must be from {SIDES[0]} to {SIDES[-1]} pixels")
    target = Path(data_folder(data_dir))
    full = prepared_folder(name, target)
    if full is not None and compact_side(full.parent.name) is not None:
        full = None
    existing = full if resize is None else prepared_folder(name, target, config=compact_config(resize))
    if existing is not None:
        return Path(existing)
    manual = Path(expanded(manual_dir, "--manual-dir")) if manual_dir is not None else None
    if manual is not None and not manual.is_dir():
        where = f"the one it lies in, {manual.parent}" if manual.exists() else f"the one with the archives of {name}"
        raise DataMissingError(f"--manual-dir={manual_dir} is not a folder; name {where}")
    with _reporting_disk(target):
        target.mkdir(parents=True, exist_ok=True)
        origin = Path(str(full)) if full is not None else _archives(entry, target, manual, progress)
        return _write(entry, origin, target, resize, progress)


@contextlib.contextmanager
def _reporting_disk(target: Path) -> Iterator[None]:
    """Raises UsageError where the data folder can't be written, and JaxcnnError where its disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in NOT_WRITABLE:
            raise UsageError(
                f"can't write {error.filename or target}: {error.strerror}; choose another --data-dir"
            ) from error
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        free = shutil.disk_usage(target).free / 1e9
        raise JaxcnnError(
            f"the disk of {target} is full ({free:.1f} GB free); make room or choose another --data-dir"
        ) from error


def _archives(entry: DataSet, data_dir: Path, manual: Path | None, progress: Progress | None) -> dict[str, Path]:
    """Finds the archives, and mentions an existing copy that can't be read in the log or in the error."""
    other = unreadable_copy(entry.name, data_dir)
    try:
        found = find_archives(entry, data_dir=data_dir, manual_dir=manual, progress=progress)
    except DataMissingError as error:
        raise DataMissingError(f"{other.problem}; {error}" if other is not None else str(error)) from error
    if other is not None:
        log.warning("%s: it is left unchanged", other.problem)
    return found


def _write(
    entry: DataSet, origin: dict[str, Path] | Path, data_dir: Path, resize: int | None, progress: Progress | None
) -> Path:
    """Writes the data set from `origin`: its archives by name, or the folder of the prepared full data set."""
    # Imported here because the builders import TFDS, which is slow and not needed for reading.
    from jaxcnn.data.preparation.builders import compact, writer

    if isinstance(origin, Path):
        content = compact.prepared_content(origin, (entry.train_split, entry.test_split))
    else:
        content = builder(entry.name).content(entry, origin)
    if resize is not None:
        content = compact.compact(content, resize)
    return writer.write(entry, content, data_dir=data_dir, progress=progress)


def builder(name: str) -> Any:
    """The module whose `content(entry, archives)` reads the archives of this data set."""
    from jaxcnn.data.preparation.builders import cifar, idx, imagenet, imagenette, svhn

    return {
        "mnist": idx,
        "fashion_mnist": idx,
        "cifar10": cifar,
        "cifar100": cifar,
        "svhn_cropped": svhn,
        "imagenette": imagenette,
        "imagenet2012": imagenet,
    }[name]
