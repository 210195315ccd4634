"""Reading tar archives from front to back, whatever their compression."""

import contextlib
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from jaxcnn.errors import DataMissingError


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every file in the archive, in its order.

    Raises:
        DataMissingError: the archive is damaged; the message names it.
    """
    with damaged(path), tarfile.open(path, "r|*") as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                yield member.name, file.read()


@contextlib.contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Turns what tarfile and zlib raise on damage into an error that names the archive."""
    try:
        yield
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise DataMissingError(f"{path} is damaged ({error}); replace it by the original archive") from error
    except OSError as error:
        if error.errno is not None:  # the system's own: no space, no right to read
            raise
        raise DataMissingError(f"{path} is damaged ({error}); replace it by the original archive") from error
