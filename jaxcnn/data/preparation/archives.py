"""Finding the original archives of a data set, and reporting which one is missing or damaged."""

import contextlib
import zlib
from pathlib import Path

from jaxcnn.data import archive_index
from jaxcnn.data.archive_index import Archive
from jaxcnn.data.datasets import DataSet, prepare_command
from jaxcnn.data.manual_dir import MAX_DEPTH, describe, search
from jaxcnn.data.preparation.builders.original import content_sha256, unzipped
from jaxcnn.data.preparation.download import download
from jaxcnn.data.progress import Progress
from jaxcnn.errors import DataMissingError


def find_archives(
    entry: DataSet, *, data_dir: Path, manual_dir: Path | None, progress: Progress | None = None
) -> dict[str, Path]:
    """Finds the archives of a data set, or downloads them.

    Args:
        entry: the data set.
        data_dir: the TFDS data folder.
        manual_dir: the only folder to search, with its subfolders. If None, `<data_dir>/downloads/manual` is searched
            as in TFDS, and if it has none of the archives, they are downloaded where possible.
        progress: called during a download.

    Returns:
        The path of each archive, or of the file or folder unpacked from it, by the archive's original name.

    Raises:
        DataMissingError: an archive can't be found or downloaded; the message names it and its folder.
    """
    if manual_dir is not None:
        return _search(entry, manual_dir, prepare_command(entry.name, data_dir, manual_dir), max_depth=MAX_DEPTH)
    manual_dir = data_dir / "downloads" / "manual"
    # This folder may hold archives of all data sets, so its subfolders are not searched.
    found = (
        any(search(manual_dir, archive, max_depth=0) for archive in entry.archives) if manual_dir.is_dir() else False
    )
    if found or not entry.downloadable:
        return _search(entry, manual_dir, prepare_command(entry.name, data_dir), max_depth=0)
    command = prepare_command(entry.name, data_dir)
    folder = data_dir / "downloads" / entry.name
    wanted = [archive for archive in entry.archives if archive.url is not None]
    return {archive.file_name: download(archive, folder, command, progress) for archive in wanted}


def _search(entry: DataSet, folder: Path, command: str, *, max_depth: int) -> dict[str, Path]:
    places = {
        archive.file_name: search(folder, archive, max_depth=max_depth) if folder.is_dir() else []
        for archive in entry.archives
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
            f"{f', which holds {others}' if others else ''}; "
            f"put {them} {there}{_where_from(entry, command)}, then run: {command}"
        )
    return found


def _where_from(entry: DataSet, command: str) -> str:
    """The part of a message that says how to get the archives."""
    if entry.downloadable:
        return " (or leave out --manual-dir, and it is downloaded)" if "--manual-dir" in command else ""
    return f" (from {entry.homepage})" if entry.homepage else ""


def _likeliest(places: list[Path], archive: Archive) -> Path:
    """The path whose content has the registered digest; without a match or a digest, the first path."""
    if archive.content_sha256 and len(places) > 1:
        for place in places:
            with contextlib.suppress(OSError, EOFError, zlib.error):
                if content_sha256(unzipped(place)) == archive.content_sha256:
                    return place
    return places[0]
