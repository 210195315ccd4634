"""A full disk, said in one line."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from jaxcnn.errors import JaxcnnError

FULL = {errno.ENOSPC, errno.EDQUOT}


@contextlib.contextmanager
def full_disk_is_told(folder: Path) -> Iterator[None]:
    """Turns the many ways in which libraries report a full disk into one JaxcnnError.

    What was saved before stays as it was: checkpoints are renamed into place only when complete.
    """
    try:
        yield
    except Exception as error:
        # Orbax writes by TensorStore, whose errors carry the system's words and no number.
        if getattr(error, "errno", None) not in FULL and "No space left on device" not in str(error):
            raise
        raise JaxcnnError(
            f"the disk that holds {folder} is full; make room, and the same command goes on from the newest checkpoint."
        ) from error
