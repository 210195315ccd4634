"""The image files below a folder, in sorted order; what is skipped is counted."""

import dataclasses
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterable

import numpy as np

from jaxcnn.data.image_files import ENDINGS, printable
from jaxcnn.errors import DataMissingError

# Folders that systems make; names that begin with a dot are hidden anyway.
OF_SYSTEMS = {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"}
NAMED = 4  # endings in a note

Identity = tuple[int, int]  # device and inode


@dataclasses.dataclass
class Skipped:
    """What was not read: counts."""

    hidden: int = 0
    endings: Counter[str] = dataclasses.field(default_factory=Counter)
    outside: int = 0  # images that lie in no class folder
    broken_links: int = 0
    loops: int = 0  # links to a folder above, or to one that was read already

    def __str__(self) -> str:
        """A phrase; empty where nothing was skipped."""
        endings = [ending or "no ending" for ending, _ in self.endings.most_common(NAMED)]
        endings += ["…"] if len(self.endings) > NAMED else []
        others, links, loops = self.endings.total(), self.broken_links, self.loops
        parts = (
            (self.hidden, "hidden"),
            (others, f"that {'is no image' if others == 1 else 'are no images'} ({', '.join(endings)})"),
            (self.outside, "outside of the class folders"),
            (links, f"{'link' if links == 1 else 'links'} to nowhere"),
            (loops, f"{'link' if loops == 1 else 'links'} to a folder that was read already"),
        )
        return ", ".join(f"{count:,} {what}" for count, what in parts if count)


@dataclasses.dataclass(frozen=True, eq=False)
class Files:
    """Image files with their labels, sizes in bytes and times of change in nanoseconds; n of each."""

    paths: list[str]
    labels: np.ndarray  # int32
    sizes: np.ndarray  # int64
    changed: np.ndarray  # int64

    def __len__(self) -> int:
        return len(self.paths)

    def chosen(self, mask: np.ndarray) -> "Files":
        """Those for which `mask`, bool [n], is true."""
        paths = [path for path, wanted in zip(self.paths, mask, strict=True) if wanted]
        return Files(paths, self.labels[mask], self.sizes[mask], self.changed[mask])

    def version(self) -> str:
        """16 hexadecimal digits that change with every path, label, size or time of change."""
        digest = hashlib.sha256("\0".join(self.paths).encode("utf-8", "surrogateescape"))
        for column in (self.labels, self.sizes, self.changed):
            digest.update(column.tobytes())
        return digest.hexdigest()[:16]


def is_hidden(name: str) -> bool:
    """Whether a person doesn't see a file or folder of this name as theirs."""
    return name.startswith(".") or name in OF_SYSTEMS


def is_image(name: str) -> bool:
    """Whether a file is an image by its ending."""
    return os.path.splitext(name)[1].lower() in ENDINGS


def entries(folder: str) -> list[os.DirEntry[str]]:
    """What lies in a folder, sorted by name. Raises DataMissingError where it can't be read."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise cannot_read(folder, error) from error


def cannot_read(path: str, error: OSError) -> DataMissingError:
    """What to say of a file or folder that the system doesn't let us read."""
    return DataMissingError(f"{printable(path)} can't be read: {error.strerror}; make it readable, or move it away.")


def identity(folder: str) -> Identity:
    """What tells a folder from others, whichever links lead to it."""
    try:
        status = os.stat(folder)
    except OSError as error:
        raise cannot_read(folder, error) from error
    return status.st_dev, status.st_ino


def above(folder: str) -> set[Identity]:
    """The folders that hold a folder, up to the root, as the path names them and as it really lies."""
    found: set[Identity] = set()
    for path in {os.path.abspath(folder), os.path.realpath(folder)}:
        while path != (path := os.path.dirname(path)):
            found.add(identity(path))
    return found


def files_of(folders: Iterable[str], skipped: Skipped) -> Files:
    """All image files of class folders; the label is the place of the folder."""
    paths: list[str] = []
    labels: list[np.ndarray] = []
    columns: list[tuple[int, int]] = []
    for label, folder in enumerate(folders):
        found = _below(folder, skipped)
        paths += [path for path, _, _ in found]
        columns += [(size, changed) for _, size, changed in found]
        labels.append(np.full(len(found), label, np.int32))
    numbers = np.array(columns, np.int64).reshape(-1, 2)
    return Files(paths, np.concatenate([*labels, np.zeros(0, np.int32)]), numbers[:, 0].copy(), numbers[:, 1].copy())


def _below(folder: str, skipped: Skipped) -> list[tuple[str, int, int]]:
    """(path, size, time of change) of the images in a folder and its subfolders, sorted by path."""
    if not folder:
        return []
    found, seen, waiting = [], above(folder), [folder]
    while waiting:
        current = waiting.pop()
        own = identity(current)
        if own in seen:
            skipped.loops += 1
            continue
        seen.add(own)
        for entry in entries(current):
            if is_hidden(entry.name):
                skipped.hidden += 1
            elif entry.is_dir():
                waiting.append(entry.path)
            elif not is_image(entry.name):
                skipped.endings[os.path.splitext(entry.name)[1].lower()] += 1
            elif (status := _status(entry)) is None:
                skipped.broken_links += 1
            elif not stat.S_ISREG(status.st_mode):  # a pipe would never end
                skipped.endings["special file"] += 1
            else:
                found.append((entry.path, status.st_size, status.st_mtime_ns))
    return sorted(found)


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Of the file that an entry is or links to; None if the link leads nowhere."""
    try:
        return entry.stat()
    except PermissionError as error:
        raise cannot_read(entry.path, error) from error
    except OSError:
        return None
