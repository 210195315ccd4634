"""What a file of PyTorch's would have Python make, read off its pickles before anything is made.

`torch.load(weights_only=True)` runs no code, but it makes what it takes for harmless: `bytearray(2**40)`, or texts that
encode each other into longer ones. A file of a few bytes could claim all memory that way. Only what a state dict
consists of is let through.
"""

import pickletools
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ZIP = b"PK\x03\x04"  # how torch itself tells its archives from pickles
PICKLES = 5  # of a file from before torch 1.6, one behind the other; its arrays come after them
MOST = 10_000_000  # instructions of one pickle; a state dict has some ten for each array
ALLOWED = re.compile(
    r"collections\.(OrderedDict|Counter)"  # the second is a learning rate schedule's, in a training loop's file
    r"|(__builtin__|builtins)\.set"
    r"|torch\.(Size|device)"
    r"|torch(\.cuda|\.storage)?\.\w+Storage"
    r"|torch\.(b?float|u?int|complex)\d+(_\w+)?|torch\.(half|double|float|long|int|short|bool)"
    r"|torch\._utils\._rebuild_(tensor|tensor_v2|tensor_v3|parameter)"
    r"|torch\._tensor\._rebuild_from_type_v2"
    r"|torch\.nn\.parameter\.Parameter"
)


def foreign_object(file: Path) -> str | None:
    """The first object in a file's pickles that no state dict has, "builtins.bytearray"; None where there is none.

    Raises:
      ValueError: the pickles are broken, or of a form that torch doesn't write.
      zipfile.BadZipFile, OSError, …: so is the archive.
    """
    names = _names_in_archive(file) if starts_as_archive(file) else _names_in_pickles(file)
    return next((name for name in names if not ALLOWED.fullmatch(name)), None)


def starts_as_archive(file: Path) -> bool:
    """Whether torch takes a file for a zip archive, by its first bytes alone."""
    with file.open("rb") as stream:
        return stream.read(len(ZIP)) == ZIP


def _names_in_archive(file: Path) -> Iterator[str]:
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith(".pkl"):
                with archive.open(entry) as stream:
                    yield from _names(stream)


def _names_in_pickles(file: Path) -> Iterator[str]:
    with file.open("rb") as stream:
        try:
            tarfile.TarInfo.frombuf(stream.read(512), "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            stream.seek(0)
        else:
            raise ValueError("a tar archive, as torch wrote them before 0.1.10")
        for _ in range(PICKLES):
            yield from _names(stream)


def _names(stream: IO[bytes]) -> Iterator[str]:
    """The objects that a pickle names, from where the stream stands; at the end it stands behind it."""
    for count, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
        if count > MOST:
            raise ValueError("its pickle has more instructions than a state dict")
        if instruction.name == "GLOBAL":
            yield str(argument).replace(" ", ".", 1)
        elif instruction.name in ("STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"):
            yield f"an object named by {instruction.name}"
