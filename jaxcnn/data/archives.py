"""Finding the original archives of a data set, and saying plainly which one is missing or damaged."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from jaxcnn.data.datasets import DataSet, prepare_command
from jaxcnn.data.download import download
from jaxcnn.data.original_archives import Archive
from jaxcnn.errors import DataMissingError

# progress(what, done, total): called while something long goes on; total is None where it isn't known.
Progress = Callable[[str, int, int | None], None]

log = logging.getLogger(__name__)


def find_archives(
    entry: DataSet, *, data_dir: Path, manual_dir: Path | None, progress: Progress | None = None
) -> dict[str, Path]:
    """The archives of a data set, by their original names.

    A folder that the user names is the only place to look in. Without one, TFDS's own folder for them is
    looked through (`<data_dir>/downloads/manual`), then what is missing is downloaded.

    Raises:
        DataMissingError: an archive is neither there nor to be had; the message names it and its folder.
    """
    if manual_dir is not None:
        return _search(entry, manual_dir, prepare_command(entry.name, data_dir, manual_dir))
    manual_dir = data_dir / "downloads" / "manual"
    if any(_match(manual_dir, archive) for archive in entry.archives) or not entry.downloadable:
        return _search(entry, manual_dir, prepare_command(entry.name, data_dir))
    command = prepare_command(entry.name, data_dir)
    folder = data_dir / "downloads" / entry.name
    wanted = [archive for archive in entry.archives if archive.url is not None]
    return {archive.file_name: download(archive, folder, command, progress) for archive in wanted}


def _match(folder: Path, archive: Archive) -> Path | None:
    exact = folder / archive.file_name
    if exact.is_file():
        return exact
    others = folder.glob(archive.pattern) if archive.pattern else ()
    return max(others, key=lambda path: path.stat().st_size, default=None)


def _search(entry: DataSet, folder: Path, command: str) -> dict[str, Path]:
    found = {archive.file_name: _match(folder, archive) for archive in entry.archives}
    missing = [archive.file_name for archive in entry.archives if not archive.optional and not found[archive.file_name]]
    if missing:
        raise DataMissingError(
            f"{entry.name} needs {', '.join(missing)} in {folder}; put it there, then run: {command}"
        )
    return {name: path for name, path in found.items() if path is not None}


def file_sha256(path: Path) -> str:
    """The digest of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_original(entry: DataSet, path: Path) -> bool:
    """Whether the file is, byte for byte, the archive that TFDS registers; a note is logged if it isn't.

    Another file is used all the same as long as it reads well to its end: it may be a subset, or the same
    content packed again. How many pictures it really had stands in the data set, and `Source.note` says it.
    """
    known = {digest for archive in entry.archives for digest in (archive.file_sha256, *archive.other_sha256)}
    if file_sha256(path) in known:
        return True
    log.warning("%s is not the original archive of %s (another sha256): taking what it holds", path, entry.name)
    return False
