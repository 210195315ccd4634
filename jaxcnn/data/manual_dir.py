"""What lies in the folder that the user names: archives by their names, unpacked ones, and words for the rest."""

import contextlib
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from jaxcnn.data.archive_index import Archive
from jaxcnn.errors import DataMissingError

DEEP = 4  # Kaggle's ImageNet lies in ILSVRC/Data/CLS-LOC
WIDE = 64  # folders a level that are looked into; an ImageNet folder has a thousand that needn't be
CLASS_FOLDER = re.compile(r"n\d{8}")  # WordNet's numbers, ImageNet's class names

# What systems, file managers and notebooks leave behind, besides names that start with a dot.
LEFTOVERS = {"__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir", "$RECYCLE.BIN"}


def is_leftover(name: str) -> bool:
    """Whether no data set put the file there: `._name` and `.DS_Store` (macOS), `Thumbs.db` (Windows), …"""
    parts = PurePosixPath(name).parts
    return any(part in LEFTOVERS or (part.startswith(".") and part != "..") for part in parts)


def shown(what: object) -> str:
    """A name or an error's text for a message: in one line, printable, not endless."""
    text = " ".join(str(what).split())
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= 100 else text[:99] + "…"


def search(folder: Path, archive: Archive, *, deep: int = DEEP) -> list[Path]:
    """Where the archive lies, or what was unpacked from it: the best first.

    Args:
        folder: where to look: there, then in the folders in it, and so on.
        archive: what to look for: the original's name comes first, then other names, then unpacked folders.
        deep: how many levels below `folder` may be looked at.

    Returns:
        What was found on the first level that has anything.

    Raises:
        DataMissingError: a folder can't be read.
    """
    with damaged(folder):
        os.scandir(folder).close()
    level = [folder]
    if _is_unpacked(folder, archive):
        return [folder]
    for _ in range(deep + 1):
        entries = [entry for parent in level for entry in _entries(parent)]
        files = [entry for entry in entries if entry.is_file()]
        exact = [file for file in files if file.name == archive.file_name]
        patterns = [pattern for pattern in archive.other_names if any(fnmatchcase(f.name, pattern) for f in files)]
        others = [
            file
            for pattern in patterns
            for file in sorted(files, key=lambda file: -file.stat().st_size)
            if fnmatchcase(file.name, pattern) and file not in exact
        ]
        folders = [entry for entry in entries if entry.is_dir()]
        found = exact + others + [entry for entry in folders if _is_unpacked(entry, archive)]
        if found:
            return found
        level = [entry for entry in folders if not _is_without_archives(entry.name)][:WIDE]
    return []


def _is_unpacked(folder: Path, archive: Archive) -> bool:
    """Whether the folder holds what the archive does."""
    names = {folder.name, folder.resolve().name}  # of a link and of what it leads to; of "."
    if not archive.holds or not any(fnmatchcase(name, wanted) for name in names for wanted in archive.folders):
        return False
    return any(fnmatchcase(name, held) for name in _names(folder) for held in archive.holds)


def _is_without_archives(folder: str) -> bool:
    """Of ImageNet's folders, those that needn't be looked into; boxes and lists lie in folders named like images'."""
    return folder in ("Annotations", "ImageSets") or CLASS_FOLDER.fullmatch(folder) is not None


def _entries(folder: Path) -> list[Path]:
    return [folder / name for name in sorted(_names(folder))]


def _names(folder: Path) -> Iterator[str]:
    """What lies in the folder; nothing if it may not be looked into, as a disk's `lost+found`."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not is_leftover(entry.name):
                yield entry.name


def describe(folder: Path, known: set[Path], lookalikes: dict[str, str]) -> str:
    """What else is in the folder, for a message; empty if there is nothing.

    Args:
        folder: where to look.
        known: what needn't be told.
        lookalikes: what is said of a name, by its pattern.
    """
    if not folder.is_dir():
        return ""
    others = [entry for entry in _entries(folder) if entry not in known]
    told = []
    for entry in others[:4]:
        about = next((text for pattern, text in lookalikes.items() if fnmatchcase(entry.name.lower(), pattern)), "")
        told.append(shown(entry.name) + ("/" if entry.is_dir() else "") + (f" ({about})" if about else ""))
    return ", ".join(told) + (f" and {len(others) - 4:,} more" if len(others) > 4 else "")


@contextlib.contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Turns what tarfile, zlib and the system raise when a file can't be read into an error that names it."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:  # the system's own: no right to read, a broken link, a broken disk
            raise DataMissingError(f"{error.filename or path} can't be read: {error.strerror}") from error
        raise DataMissingError(f"{path} is damaged ({shown(error)}); replace it by the original archive") from error
    # tarfile has no common error either: a damaged header may raise ValueError or OverflowError.
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError) as error:
        raise DataMissingError(f"{path} is damaged ({shown(error)}); replace it by the original archive") from error
    except ImportError as error:  # a Python without lzma, bz2 or zstd
        raise DataMissingError(
            f"{path} can't be decompressed by this Python ({shown(error)}); pack it again"
        ) from error
