"""What `--data` names, opened: a data set of ours, a folder of class folders, or one that TFDS has prepared."""

from etils import epath

from jaxcnn.data import sources
from jaxcnn.data.datasets import DataSet, data_set
from jaxcnn.data.folder_source import FolderSource, folder_data_set
from jaxcnn.data.naming import TFDS, canonical, is_folder, is_ours
from jaxcnn.data.sources import Source
from jaxcnn.data.tfds_source import HeldOutSource, tfds_data_set, tfds_folder
from jaxcnn.errors import UsageError


def any_data_set(name: str, data_dir: epath.PathLike | None = None) -> DataSet:
    """The metadata of what a name names.

    Args:
        name: a name in `datasets.DATA_SETS`, a folder, or `tfds:NAME[/CONFIG][:VERSION]`.
        data_dir: TFDS data folder or bucket; `$TFDS_DATA_DIR` or `~/tensorflow_datasets` if None.

    Raises:
        UsageError: it names none of these, or something that can't be used.
        DataMissingError: the folder, or TFDS's data set, isn't there.
    """
    if is_ours(name):
        return data_set(name)
    if is_folder(name):
        return folder_data_set(canonical(name))
    return tfds_data_set(name, data_dir) if name.startswith(TFDS) else data_set(name)


def is_there(name: str, data_dir: epath.PathLike | None = None) -> bool:
    """Whether `open_any` would find the data. A folder, or a set of TFDS's, that isn't there is an error instead."""
    if is_ours(name):
        return sources.is_prepared(name, data_dir)
    any_data_set(name, data_dir)
    return True


def open_any(name: str, split: str, *, data_dir: epath.PathLike | None = None) -> Source:
    """Opens one split; arguments and errors are those of `any_data_set` and `sources.open_source`."""
    if is_ours(name):
        return sources.open_source(name, split, data_dir=data_dir)
    if split not in ("train", "test"):
        raise UsageError(f"unknown split {split!r}; allowed: 'train', 'test'")
    if is_folder(name):
        return FolderSource(canonical(name), split)
    entry = any_data_set(name, data_dir)
    folder = tfds_folder(name, data_dir)
    assert folder is not None, "any_data_set has found it"
    return Source(entry, split, folder) if entry.test_split else HeldOutSource(entry, split, folder)
