"""Several files that are written together, or not at all."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.runs.disk_errors import FULL


def check_writable(*paths: Path) -> None:
    """Raises UsageError where these files can't be written: before the work whose result they are to hold."""
    for path in paths:
        folder = path.parent
        if path.is_dir():
            raise UsageError(f"--output={path} is a folder; name a file.")
        if not folder.is_dir():
            raise UsageError(f"--output={path}: there is no folder {folder}; make it, or choose another --output.")
        if not os.access(folder, os.W_OK):
            raise UsageError(f"--output={path}: you may not write in {folder}; choose another --output.")


def write_together(files: Mapping[Path, bytes]) -> None:
    """Writes each file under a temporary name, and gives them their names when all are complete.

    Raises:
      UsageError: a file can't be written.
      JaxcnnError: the disk is full.
    """
    parts = {path: path.with_name(path.name + ".part") for path in files}
    try:
        for path, part in parts.items():
            part.write_bytes(files[path])
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        place = next(iter(files))
        if error.errno in FULL:
            raise JaxcnnError(f"the disk that holds {place} is full; make room, or choose another --output.") from error
        raise UsageError(f"can't write {place}: {error.strerror}; choose another --output.") from error
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
