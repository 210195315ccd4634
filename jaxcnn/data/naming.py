"""What `--data` may name: a data set of ours, a folder of class folders, or any data set that TFDS has prepared."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from jaxcnn.data.datasets import DATA_SETS, data_set
from jaxcnn.data.image_files import printable
from jaxcnn.errors import UsageError
from jaxcnn.runtime.paths import expanded

TFDS = "tfds:"
_TFDS_NAME = re.compile(r"tfds:(?P<name>\w+)(?:/(?P<config>[\w.+=-]+))?(?::(?P<version>\d+\.\d+\.\d+))?")

Name = str | os.PathLike[str]


class TfdsName(NamedTuple):
    """The parts of `tfds:NAME[/CONFIG][:VERSION]`; None for a part that isn't given."""

    name: str
    config: str | None
    version: str | None


def tfds_name(name: str) -> TfdsName:
    """Splits `tfds:NAME[/CONFIG][:VERSION]`. Raises UsageError for another form."""
    found = _TFDS_NAME.fullmatch(name)
    if found is None:
        raise UsageError(f"--data={name} must have the form tfds:NAME[/CONFIG][:VERSION], as in tfds:stl10:1.0.0.")
    return TfdsName(**found.groupdict())


def is_folder(name: Name) -> bool:
    """Whether a name means a folder: it has a path separator, or is a folder and no data set of ours."""
    if not isinstance(name, str):
        return True
    if not name or name in DATA_SETS or name.startswith(TFDS):
        return False
    separators = {os.sep, os.altsep or os.sep}
    return name.startswith("~") or any(separator in name for separator in separators) or Path(name).is_dir()


def is_ours(name: Name) -> bool:
    """Whether a name is in `DATA_SETS`."""
    return isinstance(name, str) and name in DATA_SETS


def canonical(name: Name) -> str:
    """The name under which a run remembers its data: a folder's absolute path; any other name as it is.

    Args:
        name: as a person gives it. Nothing is looked for but, for a plain word, a folder of that name.

    Raises:
        UsageError: it names none of the three kinds.
    """
    if is_folder(name):
        return _absolute(os.fspath(name))
    assert isinstance(name, str), "a path is a folder"
    if name.startswith(TFDS):
        tfds_name(name)
        return name
    return data_set(name).name


def _absolute(folder: str) -> str:
    """The absolute path, with links as they are: the last name is the one that a person knows it by."""
    if "://" in folder:
        raise UsageError(f"--data={folder} must be a local folder; mount the bucket, and name the folder there.")
    try:
        folder.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(f"--data={printable(folder)} isn't UTF-8; rename the folder, or link to it.") from error
    whole = expanded(folder, "--data")
    # `a/link/..` is not `a`; only the file system knows.
    return os.path.realpath(whole) if ".." in Path(whole).parts else os.path.abspath(whole)


def short_name(name: str) -> str:
    """A short form of a canonical name that fits into a file name: of a folder, its last part."""
    if is_ours(name):
        return name
    if name.startswith(TFDS):
        return name.removeprefix(TFDS).replace("/", "-").replace(":", "-")
    return Path(name).name or "data"
