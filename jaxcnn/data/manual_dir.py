"""Searching the user's folder for archives, packed or unpacked, and describing what else is in it."""

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

MAX_DEPTH = 4  # levels below the folder; Kaggle's ImageNet is in ILSVRC/Data/CLS-LOC
MAX_FOLDERS = 64  # searched on each level; an ImageNet folder has a thousand that need no search
CLASS_FOLDER = re.compile(r"n\d{8}")  # ImageNet names its classes by their WordNet numbers

# Files of operating systems and file managers, besides names that start with a dot.
LEFTOVERS = {"__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir", "$RECYCLE.BIN"}


def is_leftover(name: str) -> bool:
    """Whether the file belongs to the operating system, not to a data set: `.DS_Store`, `Thumbs.db`, and so on."""
    parts = PurePosixPath(name).parts
    return any(part in LEFTOVERS or (part.startswith(".") and part != "..") for part in parts)


def shown(what: object) -> str:
    """A name or an error as text for a message: one printable line of at most 100 characters."""
    text = " ".join(str(what).split())
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= 100 else text[:99] + "…"


def search(folder: Path, archive: Archive, *, max_depth: int = MAX_DEPTH) -> list[Path]:
    """Finds the copies of an archive, packed or unpacked, level by level.

    Args:
        folder: where the search begins.
        archive: the archive to look for.
        max_depth: the number of levels below `folder` to search.

    Returns:
        Everything found on the first level with a match, best first: the original name, other names, unpacked folders.

    Raises:
        DataMissingError: `folder` can't be read.
    """
    with damaged(folder):
        os.scandir(folder).close()
    level = [folder]
    if _is_unpacked(folder, archive):
        return [folder]
    for _ in range(max_depth + 1):
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
        level = [entry for entry in folders if not _is_without_archives(entry.name)][:MAX_FOLDERS]
    return []


def _is_unpacked(folder: Path, archive: Archive) -> bool:
    """Whether the archive was unpacked into this folder."""
    names = {folder.name, folder.resolve().name}  # a link and its target; also resolves "."
    if not archive.holds or not any(fnmatchcase(name, wanted) for name in names for wanted in archive.folders):
        return False
    return any(fnmatchcase(name, held) for name in _names(folder) for held in archive.holds)


def _is_without_archives(folder: str) -> bool:
    """Whether a folder of ImageNet needs no search: a class, or the bounding boxes and lists named like images."""
    return folder in ("Annotations", "ImageSets") or CLASS_FOLDER.fullmatch(folder) is not None


def _entries(folder: Path) -> list[Path]:
    return [folder / name for name in sorted(_names(folder))]


def _names(folder: Path) -> Iterator[str]:
    """The names in a folder; none if it can't be read, like `lost+found`."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not is_leftover(entry.name):
                yield entry.name


def describe(folder: Path, known: set[Path], lookalikes: dict[str, str]) -> str:
    """Describes the other content of a folder for a message.

    Args:
        folder: the folder.
        known: entries to leave out.
        lookalikes: explanations by pattern of a lower-case name.

    Returns:
        The first four entries with their explanations and the number of the rest; empty if there are none.
    """
    if not folder.is_dir():
        return ""
    others = [entry for entry in _entries(folder) if entry not in known]
    described = []
    for entry in others[:4]:
        about = next((text for pattern, text in lookalikes.items() if fnmatchcase(entry.name.lower(), pattern)), "")
        described.append(shown(entry.name) + ("/" if entry.is_dir() else "") + (f" ({about})" if about else ""))
    return ", ".join(described) + (f" and {len(others) - 4:,} more" if len(others) > 4 else "")


@contextlib.contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Turns any error of reading a file into a DataMissingError that names the file."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:  # from the operating system: no permission, a broken link, a broken disk
            raise DataMissingError(f"{error.filename or path} can't be read: {error.strerror}") from error
        raise DataMissingError(f"{path} is damaged ({shown(error)}); replace it by the original archive") from error
    # tarfile has no common error: a damaged header may raise ValueError or OverflowError.
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError) as error:
        raise DataMissingError(f"{path} is damaged ({shown(error)}); replace it by the original archive") from error
    except ImportError as error:  # a Python without lzma, bz2 or zstd
        raise DataMissingError(
            f"{path} can't be decompressed by this Python ({shown(error)}); pack it again"
        ) from error
