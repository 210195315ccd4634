"""Reading the files of a tar archive with any compression, or of a folder into which one was unpacked."""

import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from jaxcnn.data.manual_dir import damaged, is_leftover, shown
from jaxcnn.errors import DataMissingError


def members(path: Path, wanted: Callable[[str], bool] = lambda name: True) -> Iterator[tuple[str, bytes]]:
    """Yields (name, content) of every wanted file: in the order of an archive, or by name in a folder.

    Files of operating systems (`._name`, `.DS_Store`, `__MACOSX/`) are skipped. A wanted tar file inside
    (`train/n01440764.tar`) is treated as a folder (`train/n01440764/`).

    Args:
        path: the archive or the folder.
        wanted: called with the name of each file, with "/" between folders, before its content is read.

    Raises:
        DataMissingError: the archive is damaged or can't be read; the message names it.
    """
    if not path.is_dir():
        with damaged(path), tarfile.open(path, "r|*") as archive:
            yield from _files_of(archive, path, "", wanted)
        return
    for name in _files_below(path):
        if not wanted(name):
            continue
        with damaged(path / name), (path / name).open("rb") as file:
            if name.endswith(".tar"):
                with tarfile.open(fileobj=file, mode="r|*") as archive:
                    yield from _files_of(archive, path / name, name.removesuffix(".tar") + "/", wanted)
            else:
                yield name, file.read()


def _files_of(
    archive: tarfile.TarFile, path: Path, place: str, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes]]:
    """`members` of an archive that is open already. `path` is for messages; `place` comes before the names."""
    for member in archive:
        name = place + member.name.removeprefix("./")
        if member.isdir() or is_leftover(member.name) or not wanted(name):
            continue
        if not member.isfile():  # its target may be missing from the archive, or already read
            raise DataMissingError(
                f"{path} holds {shown(name)}, a link; pack it again with: tar --dereference --hard-dereference"
            )
        file = archive.extractfile(member)
        assert file is not None, member
        if name.endswith(".tar"):
            where = path / shown(member.name)
            with damaged(where), tarfile.open(fileobj=file, mode="r|*") as inner:
                yield from _files_of(inner, where, name.removesuffix(".tar") + "/", wanted)
        else:
            yield name, file.read()


def _files_below(folder: Path) -> Iterator[str]:
    """The files in a folder and its subfolders. Links are followed, but each folder is visited once."""
    seen = set()
    with damaged(folder):
        for place, folders, files in os.walk(folder, onerror=_raise, followlinks=True):
            folders[:] = sorted(name for name in folders if not is_leftover(name))
            real = os.path.realpath(place)
            if real in seen:  # a link to a folder already visited
                folders.clear()
                continue
            seen.add(real)
            for name in sorted(files):
                if not is_leftover(name):
                    yield (Path(place) / name).relative_to(folder).as_posix()


def _raise(error: OSError) -> None:
    raise error
