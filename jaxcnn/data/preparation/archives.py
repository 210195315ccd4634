"""Finding the original archives of a data set, and saying plainly which one is missing or damaged."""

import contextlib
import gzip
import hashlib
import logging
import zlib
from collections.abc import Callable
from pathlib import Path

from jaxcnn.data import archive_index
from jaxcnn.data.archive_index import Archive
from jaxcnn.data.datasets import DataSet, prepare_command
from jaxcnn.data.manual_dir import DEEP, damaged, describe, search
from jaxcnn.data.preparation.download import download
from jaxcnn.errors import DataMissingError

# progress(what, done, total): called while something long goes on; total is None where it isn't known.
Progress = Callable[[str, int, int | None], None]

log = logging.getLogger(__name__)


def find_archives(
    entry: DataSet, *, data_dir: Path, manual_dir: Path | None, progress: Progress | None = None
) -> dict[str, Path]:
    """The archives of a data set, by their original names.

    A folder that the user names is the only place to look in, and the folders in it. Without one, TFDS's own folder
    for them is looked through (`<data_dir>/downloads/manual`), then what is missing is downloaded.

    Returns:
        For each original's name the archive, or the file or folder that was unpacked from it.

    Raises:
        DataMissingError: an archive is neither there nor to be had; the message names it and its folder.
    """
    if manual_dir is not None:
        return _search(entry, manual_dir, prepare_command(entry.name, data_dir, manual_dir), deep=DEEP)
    manual_dir = data_dir / "downloads" / "manual"
    # Archives of any data sets may lie there: nothing but the folder itself is looked through.
    found = any(search(manual_dir, archive, deep=0) for archive in entry.archives) if manual_dir.is_dir() else False
    if found or not entry.downloadable:
        return _search(entry, manual_dir, prepare_command(entry.name, data_dir), deep=0)
    command = prepare_command(entry.name, data_dir)
    folder = data_dir / "downloads" / entry.name
    wanted = [archive for archive in entry.archives if archive.url is not None]
    return {archive.file_name: download(archive, folder, command, progress) for archive in wanted}


def _search(entry: DataSet, folder: Path, command: str, *, deep: int) -> dict[str, Path]:
    places = {
        archive.file_name: search(folder, archive, deep=deep) if folder.is_dir() else [] for archive in entry.archives
    }
    found = {
        archive.file_name: _likeliest(places[archive.file_name], archive)
        for archive in entry.archives
        if places[archive.file_name]
    }
    missing = [archive for archive in entry.archives if not archive.optional and archive.file_name not in found]
    if missing:
        known = archive_index.LOOKALIKES.get(entry.name, {}) | archive_index.LOOKALIKES_OF_ALL
        others = describe(folder, set(found.values()), known)
        names = ", ".join(each.file_name for each in missing)
        unpacked = " and ".join(each.unpacked for each in missing if each.unpacked)
        them = "it" if len(missing) == 1 else "them"
        there = "there or into a folder DIR" if command.endswith("=DIR") else "there"
        raise DataMissingError(
            f"{entry.name} needs {names} in {folder}{f' (or, unpacked, {unpacked})' if unpacked else ''}"
            f"{f', where there is {others}' if others else ''}; "
            f"put {them} {there}{_where_from(entry, command)}, then run: {command}"
        )
    return found


def _where_from(entry: DataSet, command: str) -> str:
    """How to get the archives."""
    if entry.downloadable:
        return " (or leave out --manual-dir, and it is downloaded)" if "--manual-dir" in command else ""
    return f" (from {entry.homepage})" if entry.homepage else ""


def _likeliest(places: list[Path], archive: Archive) -> Path:
    """The first place; of several the one with the right content, where that is known."""
    if archive.content_sha256 and len(places) > 1:
        for place in places:
            with contextlib.suppress(OSError, EOFError, zlib.error):
                if content_sha256(unzipped(place)) == archive.content_sha256:
                    return place
    return places[0]


def unzipped(path: Path) -> bytes:
    """The content of a file, decompressed if it is gzipped, whatever its name says."""
    content = path.read_bytes()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def content_sha256(content: bytes) -> str:
    """The digest of some bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(path: Path) -> str:
    """The digest of a file, as 64 hexadecimal digits."""
    with damaged(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_original(entry: DataSet, path: Path) -> bool:
    """Whether the file is, byte for byte, the archive that TFDS registers; a note is logged if it isn't.

    Another file is used all the same as long as it reads well to its end: it may be a subset, or the same
    content packed again. How many pictures it really had stands in the data set, and `Source.note` says it.
    """
    if path.is_dir():
        log.warning("%s is unpacked, so that no sha256 can tell whether it is the original: taking what it holds", path)
        return False
    known = {digest for archive in entry.archives for digest in (archive.file_sha256, *archive.other_sha256)}
    if file_sha256(path) in known:
        return True
    log.warning("%s is not the original archive of %s (another sha256): taking what it holds", path, entry.name)
    return False
