"""Imagenette (version 2), from `imagenette2.tgz`, `imagenette2-320.tgz` or `imagenette2-160.tgz`, packed or unpacked.

The name of the folder in the archive determines the TFDS configuration: `imagenette2` becomes `full-size-v2`, and
`imagenette2-N` becomes `Npx-v2`. The size 224, which TFDS doesn't know, is written too;
`tfds.data_source("imagenette/224px-v2")` reads it from its files.
"""

import functools
from pathlib import Path, PurePosixPath

from jaxcnn.data.datasets import DataSet
from jaxcnn.data.manual_dir import shown
from jaxcnn.data.preparation.builders.members import members
from jaxcnn.data.preparation.builders.original import is_original
from jaxcnn.data.preparation.builders.photograph import rgb_jpeg
from jaxcnn.data.preparation.builders.writer import Content, Records
from jaxcnn.errors import DataMissingError

FOLDERS = {"train": "train", "validation": "val"}
IMAGE_SUFFIXES = (".jpeg", ".jpg")


def content(entry: DataSet, paths: dict[str, Path]) -> Content:
    """Both splits. JPEG bytes are stored unchanged.

    Raises:
        DataMissingError: the archive is damaged or isn't Imagenette; the message names it.
    """
    (path,) = paths.values()
    is_original(entry, path)
    top = path.name if path.name.startswith("imagenette2") else path.resolve().name
    if not path.is_dir():  # taken from the first image
        top = next((folders[0] for name, _ in members(path, _is_image) if (folders := _folders(name))), "")
    size = top.removeprefix("imagenette2").removeprefix("-")
    config = f"{size}px-v2" if size else "full-size-v2"
    if not top.startswith("imagenette2") or config not in entry.configs:
        found = f"{shown(top)!r}" if top else "no image in a class folder"
        raise DataMissingError(
            f"{path} holds {found}; allowed: imagenette2, imagenette2-320, imagenette2-224 or imagenette2-160"
        )

    def records(folder: str) -> Records:
        def is_in_folder(name: str) -> bool:
            return _is_image(name) and _folders(name)[-2:-1] == [folder]

        for name, image in members(path, is_in_folder):
            *_, label, file_name = PurePosixPath(name).parts
            yield file_name, {"image": rgb_jpeg(image, f"{path}: {shown(name)}"), "label": label}

    return Content(
        splits={split: functools.partial(records, folder) for split, folder in FOLDERS.items()},
        config=config,
        origins=dict.fromkeys(FOLDERS, path),
    )


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)


def _folders(name: str) -> list[str]:
    """The three innermost folders of a file, such as `imagenette2-320`, `train` and its class."""
    return [part for part in PurePosixPath(name).parts[:-1] if part != "/"][-3:]
