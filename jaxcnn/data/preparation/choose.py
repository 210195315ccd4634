"""Choosing a run's data set: the paper's, or that of the rehearsal."""

import dataclasses

from etils import epath

from jaxcnn.data.any_source import any_data_set
from jaxcnn.data.datasets import data_set, prepare_command
from jaxcnn.data.naming import Name, canonical, is_ours
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.data.prepared import unreadable_copy
from jaxcnn.data.progress import Progress
from jaxcnn.data.sources import is_prepared
from jaxcnn.errors import DataMissingError, UsageError


@dataclasses.dataclass(frozen=True)
class Choice:
    """The data set of a run, ready to be opened.

    Attributes:
        name: the data set.
        rehearsal: whether it replaces the paper's data set.
        reason: why this data set was chosen, a sentence.
        how_to_get: for a rehearsal, the command that prepares the paper's data set; otherwise empty.
    """

    name: str
    rehearsal: bool
    reason: str
    how_to_get: str


def choose(
    requested: Name,
    paper_data: str,
    rehearsal_data: str | None,
    *,
    data_dir: epath.PathLike | None = None,
    manual_dir: epath.PathLike | None = None,
    progress: Progress | None = None,
) -> Choice:
    """Chooses the data set of a run and prepares it if necessary.

    Args:
        requested: "auto", or what `any_data_set` takes; that has no fallback.
        paper_data: the paper's data set.
        rehearsal_data: the fallback of "auto"; None for no fallback.
        data_dir, manual_dir, progress: as for `prepare`.

    Raises:
        UsageError: the data set is unknown, or the folder `data_dir` can't be written. A default folder that can't be
            written, which may be shared and read-only, leads to the fallback instead.
        DataMissingError: the data set is missing and can't be prepared.
    """
    name = paper_data if requested == "auto" else canonical(requested)
    if not is_ours(name):
        any_data_set(name, data_dir)
        return Choice(name, False, f"{name} was named", "")
    try:
        return Choice(name, False, _make_ready(name, data_dir, manual_dir, progress), "")
    except (DataMissingError, _CannotPrepareError) as error:
        if requested != "auto" or rehearsal_data is None or (isinstance(error, UsageError) and data_dir is not None):
            raise
        return Choice(rehearsal_data, True, str(error), prepare_command(name, data_dir))


class _CannotPrepareError(UsageError):
    """The data set could be prepared, but not written to the data folder."""


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
