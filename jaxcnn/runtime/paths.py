"""Folders that the user names, by a flag or in Python."""

import os
from pathlib import Path

from jaxcnn.errors import UsageError


def expanded(path: str | os.PathLike[str], flag: str) -> str:
    """Replaces a leading `~` or `~user` by that home folder, which few shells do after the `=` of a flag.

    Args:
      path: a folder, or the URL of a bucket.
      flag: the name of the value in error messages, such as "--workdir".

    Raises:
      UsageError: there is no such home folder.
    """
    given = os.fspath(path)
    whole = os.path.expanduser(given)
    if whole.startswith("~"):
        home = Path(given).parts[0]
        raise UsageError(f"{flag}={given}: there is no home folder {home}; for a folder of that name write ./{given}.")
    return whole
