"""Folders as a person names them, by a flag or in Python."""

import os
from pathlib import Path

from jaxcnn.errors import UsageError


def expanded(path: str | os.PathLike[str], flag: str) -> str:
    """The path with a leading `~` or `~user` replaced by that home folder: few shells do so behind a flag's `=`.

    Args:
      path: a folder, or a bucket's address.
      flag: how it is called in an error, as in "--workdir".

    Raises:
      UsageError: there is no such home folder.
    """
    given = os.fspath(path)
    whole = os.path.expanduser(given)
    if whole.startswith("~"):
        home = Path(given).parts[0]
        raise UsageError(f"{flag}={given}: {home} is nobody's home folder; for a folder of that name write ./{given}.")
    return whole
