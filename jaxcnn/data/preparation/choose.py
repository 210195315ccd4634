"""Which data set a run gets: the paper's, or a rehearsal's, and why."""

import dataclasses

from etils import epath

from jaxcnn.data.datasets import data_set, prepare_command
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.data.prepared import unreadable_copy
from jaxcnn.data.progress import Progress
from jaxcnn.data.sources import is_prepared
from jaxcnn.errors import DataMissingError, UsageError


@dataclasses.dataclass(frozen=True)
class Choice:
    """A data set that is ready to be opened.

    Attributes:
        name: the data set.
        rehearsal: whether it stands in for the paper's.
        reason: how it came to be this one, a sentence.
        how_to_get: for a rehearsal, the command that gets the real data; else empty.
    """

    name: str
    rehearsal: bool
    reason: str
    how_to_get: str


def choose(
    requested: str,
    paper_data: str,
    rehearsal_data: str | None,
    *,
    data_dir: epath.PathLike | None = None,
    manual_dir: epath.PathLike | None = None,
    progress: Progress | None = None,
) -> Choice:
    """Settles the data set of a run, preparing it if need be.

    Args:
        requested: "auto", or the name of a data set, which never falls back.
        paper_data: the data set of the paper.
        rehearsal_data: what "auto" falls back to, or None for nothing.
        data_dir, manual_dir, progress: as for `prepare`.

    Raises:
        UsageError: unknown data set, or a data folder that can't be written. One that nobody named (the default's, or
            $TFDS_DATA_DIR's, which may be shared and read-only) is a reason for a rehearsal instead.
        DataMissingError: the data isn't there and can't be had.
    """
    name = paper_data if requested == "auto" else requested
    data_set(name)
    try:
        return Choice(name, False, _make_ready(name, data_dir, manual_dir, progress), "")
    except (DataMissingError, _CannotPrepareError) as error:
        if requested != "auto" or rehearsal_data is None or (isinstance(error, UsageError) and data_dir is not None):
            raise
        return Choice(rehearsal_data, True, str(error), prepare_command(name, data_dir))


class _CannotPrepareError(UsageError):
    """The data could be had, but not be written where data sets lie."""


def _make_ready(
    name: str,
    data_dir: epath.PathLike | None,
    manual_dir: epath.PathLike | None,
    progress: Progress | None,
) -> str:
    if data_set(name).embedded:
        return f"{name} comes with installed packages"
    if is_prepared(name, data_dir):
        return f"{name} was prepared before"
    other = unreadable_copy(name, data_dir)
    try:
        prepare(name, data_dir=data_dir, manual_dir=manual_dir, progress=progress)
    except UsageError as error:
        raise _CannotPrepareError(str(error)) from error
    return f"{name} has been prepared now" + (f" ({other.problem})" if other is not None else "")
