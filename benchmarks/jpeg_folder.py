"""A folder of JPEGs as a source of records, without a data set around it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxcnn.data.sources import Record
from jaxcnn.errors import DataMissingError


class FolderSource:
    """The files of a folder, in the order of their names; each is read from the disk whenever it is asked for.

    Raises:
        DataMissingError: there is no JPEG in the folder.
    """

    name, split, num_classes, folder, as_shown = "folder", "train", 1, None, False

    def __init__(self, folder: Path) -> None:
        self.files = sorted(path for path in folder.glob("*") if path.suffix.lower() in (".jpeg", ".jpg"))
        if not self.files:
            raise DataMissingError(f"{folder} has no *.jpg or *.jpeg; name a folder of photographs.")

    def __len__(self) -> int:
        return len(self.files)

    def __getitems__(self, indices: Sequence[int] | np.ndarray) -> list[Record]:
        return [{"image": self.files[int(index)].read_bytes(), "label": 0} for index in indices]
