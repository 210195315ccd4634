"""ImageNet (ILSVRC-2012), from its two official tar files, or as they were unpacked.

`ILSVRC2012_img_train.tar` holds one tar a class (`n01440764.tar`), `ILSVRC2012_img_val.tar` pictures
only, whose labels TFDS brings. JPEG bytes are stored untouched, except for the 22 CMYK pictures and the
one PNG among them, which become RGB JPEGs, as with TFDS (there by TensorFlow, here by Pillow).

A folder, or a tar of one, with a folder a class will do too (`train/n01440764/….JPEG`), and so will validation pictures
that were sorted into such folders. Files that are no pictures are passed over.
"""

import functools
from pathlib import Path, PurePosixPath

import tensorflow_datasets as tfds

from jaxcnn.data.datasets import DataSet
from jaxcnn.data.manual_dir import CLASS_FOLDER, shown
from jaxcnn.data.preparation.builders.members import members
from jaxcnn.data.preparation.builders.photograph import rgb_jpeg
from jaxcnn.data.preparation.builders.writer import Content, Records
from jaxcnn.errors import DataMissingError

OFFICIAL_TAR_BYTES = 6_000_000_000  # the smaller of the two has 6.7 GB
PICTURES = (".jpeg", ".jpg", ".png")
VALIDATION_NAME = "ILSVRC2012_val_"
# Folders in a tar of both splits, and which one they hold.
SPLIT_FOLDERS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}


def content(entry: DataSet, paths: dict[str, Path]) -> Content:
    """Both splits, read from front to back without unpacking.

    Raises:
        DataMissingError: (while iterating) an archive or a picture is damaged, or isn't ImageNet's; it is named.
    """
    train, validation = paths["ILSVRC2012_img_train.tar"], paths["ILSVRC2012_img_val.tar"]
    official = all(path.is_file() and path.stat().st_size > OFFICIAL_TAR_BYTES for path in (train, validation))
    return Content(
        splits={"train": functools.partial(_train, train), "validation": functools.partial(_validation, validation)},
        sizes={"train": entry.train_size, "validation": entry.test_size} if official else {},
        origins={"train": train, "validation": validation},
    )


def _train(path: Path) -> Records:
    for member, encoded in members(path, functools.partial(_is_of, "train", (*PICTURES, ".tar"))):
        *folders, name = PurePosixPath(member).parts
        if name.startswith(VALIDATION_NAME):
            raise DataMissingError(
                f"{path} holds {shown(member)}, a validation image; expected n01440764.tar and so on, or folders of "
                "such names: have the two archives been swapped?"
            )
        # Without such a folder the name's own class; or what stands in its place, to be named in a message.
        own = name.partition("_")[0]
        label = _class_folder(folders) or (own if CLASS_FOLDER.fullmatch(own) or not folders else folders[-1])
        # The official names start with their class; others may come in several classes.
        key = name if name.startswith(f"{label}_") else f"{label}/{name}"
        yield key, {"file_name": name, "image": rgb_jpeg(encoded, f"{path}: {shown(member)}"), "label": label}


def _validation(path: Path) -> Records:
    # One class a line, for ILSVRC2012_val_00000001.JPEG and so on.
    labels = tfds.core.tfds_path("datasets/imagenet2012/validation_labels.txt").read_text().split()
    for member, encoded in members(path, functools.partial(_is_of, "validation", (*PICTURES, ".tar"))):
        *folders, name = PurePosixPath(member).parts
        folder, number = _class_folder(folders), PurePosixPath(name).stem.removeprefix(VALIDATION_NAME)
        key = name
        if name.startswith(VALIDATION_NAME) and number.isdecimal() and 1 <= int(number) <= len(labels):
            label = labels[int(number) - 1]
            if folder not in (None, label):
                raise DataMissingError(
                    f"{path} holds {shown(name)} in the folder {folder}, but its class is {label}; move it there"
                )
        elif folder is not None and (path.is_dir() or SPLIT_FOLDERS.keys() & set(folders)):
            label, key = folder, f"{folder}/{name}"
        else:
            raise DataMissingError(
                f"{path} holds {shown(member)!r}; expected ILSVRC2012_val_00000001.JPEG … 00050000.JPEG"
                + (": have the two archives been swapped?" if folder else "")
            )
        yield key, {"file_name": name, "image": rgb_jpeg(encoded, f"{path}: {shown(member)}"), "label": label}


def _is_of(split: str, endings: tuple[str, ...], name: str) -> bool:
    """Whether a file is a picture, or a tar of some, and its folders don't say that it is another split's."""
    splits = [SPLIT_FOLDERS[part] for part in PurePosixPath(name).parts if part in SPLIT_FOLDERS]
    return name.lower().endswith(endings) and splits[-1:] in ([], [split])


def _class_folder(folders: list[str]) -> str | None:
    """The innermost folder that has the name of a class."""
    return next((folder for folder in reversed(folders) if CLASS_FOLDER.fullmatch(folder)), None)
