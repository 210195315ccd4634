"""Finding the image files that a person names: files, and folders with all below them."""

import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jaxcnn.errors import UsageError
from jaxcnn.runtime.paths import expanded

ENDINGS = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
)
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")


class ImageFiles(NamedTuple):
    """Files in the order in which they were named; those of a folder are sorted by their paths.

    Attributes:
        paths: as they were named, those in a folder behind the folder's name.
        skipped: how many files in the folders aren't images. Hidden files and folders don't count.
    """

    paths: list[str]
    skipped: int


def find_images(named: Sequence[str | os.PathLike[str]]) -> ImageFiles:
    """The image files that are meant by files and folders.

    A named file is taken whatever its name. In a folder the endings in `ENDINGS` decide, in either case, and for files
    without any ending the content. Links are followed, each folder is entered once, and what is hidden is left out. A
    link to nothing counts as an image if its ending says so; reading it will fail.

    Raises:
        UsageError: there is no such file or folder, a folder can't be read or holds no images, or nothing is named.
    """
    if not named:
        raise UsageError("no image is named; name image files, or folders that hold some.")
    paths, skipped = [], 0
    for name in (os.fspath(path) for path in named):
        path = name if os.path.lexists(name) else expanded(name, "IMAGE")
        if os.path.isdir(path):
            found, others = _in_folder(path)
            paths, skipped = [*paths, *found], skipped + others
        elif os.path.isfile(path):
            paths.append(path)
        elif os.path.exists(path):
            raise UsageError(f"{printable(path)} is neither a file nor a folder; name image files or folders.")
        else:
            raise UsageError(f"there is no {printable(path)}; name image files, or folders that hold some.")
    return ImageFiles(paths, skipped)


def _in_folder(folder: str) -> tuple[list[str], int]:
    """The images below a folder, sorted, and how many other files there are."""
    paths, skipped = [], 0
    for path in _files(folder):
        if _is_image(path):
            paths.append(path)
        else:
            skipped += 1
    if not paths:
        others = f"its {skipped:,} files are of other kinds" if skipped else "it has no files"
        raise UsageError(
            f"there are no images in {printable(folder)}: {others}; an image ends in {', '.join(sorted(ENDINGS))}."
        )
    return sorted(paths, key=lambda path: path.split(os.sep)), skipped


def _files(folder: str) -> Iterator[str]:
    """All files below a folder that aren't hidden."""

    def refuse(error: OSError) -> None:
        raise UsageError(f"can't read the folder {printable(str(error.filename))}: {error.strerror}.") from error

    entered = set()
    for parent, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        state = os.stat(parent)
        if (state.st_dev, state.st_ino) in entered:  # a link to a folder above, or a second one to the same
            folders.clear()
            continue
        entered.add((state.st_dev, state.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(parent, name) for name in files if not name.startswith("."))


def _is_image(path: str) -> bool:
    ending = os.path.splitext(path)[1].lower()
    if ending and ending not in ENDINGS:
        return False
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for its writer
            return False
        if ending:
            return True
        with open(path, "rb") as file:
            return has_signature(file.read(16))
    except OSError:
        return bool(ending)


def has_signature(start: bytes) -> bool:
    """Whether a file that starts with these 16 bytes is an image.

    >>> has_signature(b"GIF89a" + bytes(10)), has_signature(b"BMW, a maker of ")
    (True, False)
    """
    is_webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    is_bitmap = start[:2] == b"BM" and start[6:10] == bytes(4)  # reserved bytes
    return start.startswith(SIGNATURES) or is_webp or is_bitmap


def printable(path: str) -> str:
    """A path for text in UTF-8: bytes of its name that aren't UTF-8 are written as in Python, \\xe9.

    >>> print(printable("caf\\udce9.jpg"))
    caf\\xe9.jpg
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")
