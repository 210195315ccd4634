"""One-line errors for a full disk and for folders that can't be read or written."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from jaxcnn.errors import JaxcnnError, UsageError

FULL = {errno.ENOSPC, errno.EDQUOT}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def refusal(path: Path, error: OSError) -> UsageError:
    """The error for a run's folder, or a file in it, that the system refuses."""
    return UsageError(
        f"can't use {path}: {error.strerror}; let yourself read and write it, or choose another --workdir."
    )


def require_utf8(workdir: Path) -> None:
    """Orbax and TensorStore take names in UTF-8, whatever the locale's encoding. Raises UsageError for another."""
    path = os.path.abspath(workdir)
    try:
        same = os.fsencode(path) == path.encode("utf-8")
    except UnicodeEncodeError:
        same = False
    if not same:
        raise UsageError(
            f"the name of {path!a} isn't UTF-8 (Python reads names as {sys.getfilesystemencoding()} here), as "
            "checkpoints need it; set PYTHONUTF8=1, or choose another --workdir."
        )


@contextlib.contextmanager
def reporting_full_disk(folder: Path) -> Iterator[None]:
    """Turns the many ways in which libraries report a full disk into one JaxcnnError.

    A file in the folder that may not be read or written becomes a UsageError.

    What was saved before stays as it was: checkpoints are renamed into place only when complete.
    """
    try:
        yield
    except Exception as error:
        # Orbax writes by TensorStore, whose errors have the system's message but no error number.
        if isinstance(error, OSError) and error.errno in FORBIDDEN and _is_within(error.filename, folder):
            raise refusal(Path(error.filename), error) from error
        if getattr(error, "errno", None) not in FULL and "No space left on device" not in str(error):
            raise
        raise JaxcnnError(
            f"the disk that holds {folder} is full; make room, and the same command goes on from the newest checkpoint."
        ) from error


def _is_within(filename: object, folder: Path) -> bool:
    return isinstance(filename, str) and Path(filename).absolute().is_relative_to(folder.absolute())
