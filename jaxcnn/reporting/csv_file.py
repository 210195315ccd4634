"""A CSV file that appears as a whole or not at all."""

import contextlib
import csv
import os
from collections.abc import Callable, Iterable, Iterator

from jaxcnn.errors import JaxcnnError, UsageError

Row = Iterable[object]


def check_writable(path: str) -> None:
    """Raises UsageError unless a file can be made or replaced here. Its folder must exist."""
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.exists(path) and not os.path.isfile(path):
        raise UsageError(f"{path} must be a file, and it is something else; choose another name.")
    if not os.path.isdir(folder):
        raise UsageError(f"can't write {path}: there is no folder {folder}; make it first, or choose another one.")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"can't write {path}: {folder} is not yours to write; choose another folder.")


@contextlib.contextmanager
def csv_file(path: str) -> Iterator[Callable[[Row], None]]:
    """Gives a function that writes a row, by RFC 4180 and in UTF-8.

    Rows go to a temporary file as they come; at the end it gets its name. If the body of the `with` fails, what was at
    `path` before is still there.

    Raises:
      UsageError: the file can't be made.
      JaxcnnError: the disk is full, or can't be written any more.
    """
    target = os.path.realpath(path)  # what a link leads to is replaced, not the link
    temporary = f"{target}.part"
    try:
        file = open(temporary, "w", encoding="utf-8", newline="")  # noqa: SIM115  (closed before it is renamed)
    except OSError as error:
        raise UsageError(f"can't write {path}: {error.strerror}; choose another name or folder.") from error
    try:
        writer = csv.writer(file)

        def write(row: Row) -> None:
            with _reporting_failure(path):
                writer.writerow(row)

        yield write
        with _reporting_failure(path):
            file.close()
            os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):  # closing writes what is left, which may fail again
            file.close()
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


@contextlib.contextmanager
def _reporting_failure(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JaxcnnError(f"can't write {path}: {error.strerror}; make room, or choose another folder.") from error
