"""Imagenette (version 2), from `imagenette2.tgz`, `imagenette2-320.tgz` or `imagenette2-160.tgz`.

The archive's top folder says which TFDS configuration it becomes: `imagenette2` is `full-size-v2`,
`imagenette2-N` is `Npx-v2`. A size that TFDS doesn't know (`imagenette2-224`, a shrunk copy, becomes
`224px-v2`) is written all the same; `tfds.data_source("imagenette/224px-v2")` reads it from its files.
"""

import functools
from pathlib import Path, PurePosixPath

from jaxcnn.data.archives import is_original
from jaxcnn.data.builders.tar import members
from jaxcnn.data.builders.writer import Content, Records
from jaxcnn.data.datasets import DataSet
from jaxcnn.errors import DataMissingError

FOLDERS = {"train": "train", "validation": "val"}


def content(entry: DataSet, paths: dict[str, Path]) -> Content:
    """The pictures stay the JPEG bytes that they are.

    Raises:
        DataMissingError: the archive is damaged or something else; the message names it.
    """
    (path,) = paths.values()
    is_original(entry, path)
    top = next((PurePosixPath(name).parts[0] for name, _ in members(path)), "")
    size = top.removeprefix("imagenette2").removeprefix("-")
    config = f"{size}px-v2" if size else "full-size-v2"
    if not top.startswith("imagenette2") or config not in entry.configs:
        raise DataMissingError(
            f"{path} holds {top!r}; allowed: imagenette2, imagenette2-320, imagenette2-224 or imagenette2-160"
        )

    def records(folder: str) -> Records:
        for name, image in members(path):
            parts = PurePosixPath(name).parts
            if len(parts) == 4 and parts[1] == folder and parts[3].endswith(".JPEG"):
                yield parts[3], {"image": image, "label": parts[2]}

    splits = {split: functools.partial(records, folder) for split, folder in FOLDERS.items()}
    return Content(splits=splits, config=config)
