"""ImageNet (ILSVRC-2012), from its two official tar files, packed or unpacked.

`ILSVRC2012_img_train.tar` holds one tar file for each class (`n01440764.tar`). `ILSVRC2012_img_val.tar` holds images
only; their labels come with TFDS. JPEG bytes are stored unchanged, except for the 22 CMYK images and the one PNG, which
become RGB JPEGs as in TFDS (which uses TensorFlow for it, where we use Pillow).

A folder, or a tar file of one, with a subfolder for each class is accepted too (`train/n01440764/….JPEG`), also for
validation images. Files that aren't images are ignored.
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

OFFICIAL_TAR_BYTES = 6_000_000_000  # the smaller of the two official files has 6.7 GB
IMAGE_SUFFIXES = (".jpeg", ".jpg", ".png")
VALIDATION_NAME = "ILSVRC2012_val_"
# Folder names in a tar file of both splits, and the split that each holds.
SPLIT_FOLDERS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}


def content(entry: DataSet, paths: dict[str, Path]) -> Content:
    """Both splits, read sequentially without unpacking.

    Raises:
        DataMissingError: (while iterating) an archive or an image is damaged or isn't from ImageNet; the message names
            it.
    """
    train, validation = paths["ILSVRC2012_img_train.tar"], paths["ILSVRC2012_img_val.tar"]
    official = all(path.is_file() and path.stat().st_size > OFFICIAL_TAR_BYTES for path in (train, validation))
    return Content(
        splits={"train": functools.partial(_train, train), "validation": functools.partial(_validation, validation)},
        sizes={"train": entry.train_size, "validation": entry.test_size} if official else {},
        origins={"train": train, "validation": validation},
    )


def _train(path: Path) -> Records:
    for member, encoded in members(path, functools.partial(_is_of, "train", (*IMAGE_SUFFIXES, ".tar"))):
        *folders, name = PurePosixPath(member).parts
        if name.startswith(VALIDATION_NAME):
            raise DataMissingError(
                f"{path} holds {shown(member)}, a validation image; expected n01440764.tar and so on, or folders of "
                "such names: have the two archives been swapped?"
            )
        # Without a class folder, the file name gives the class. A wrong label is reported when it is written.
        own = name.partition("_")[0]
        label = _class_folder(folders) or (own if CLASS_FOLDER.fullmatch(own) or not folders else folders[-1])
        # Official names start with their class and are unique; other names may occur in several classes.
        key = name if name.startswith(f"{label}_") else f"{label}/{name}"
        yield key, {"file_name": name, "image": rgb_jpeg(encoded, f"{path}: {shown(member)}"), "label": label}


def _validation(path: Path) -> Records:
    # Line n is the class of ILSVRC2012_val_<n>.JPEG.
    labels = tfds.core.tfds_path("datasets/imagenet2012/validation_labels.txt").read_text().split()
    for member, encoded in members(path, functools.partial(_is_of, "validation", (*IMAGE_SUFFIXES, ".tar"))):
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
    """Whether a file has one of the endings and isn't in a folder of the other split."""
    splits = [SPLIT_FOLDERS[part] for part in PurePosixPath(name).parts if part in SPLIT_FOLDERS]
    return name.lower().endswith(endings) and splits[-1:] in ([], [split])


def _class_folder(folders: list[str]) -> str | None:
    """The innermost folder whose name is that of a class; None without one."""
    return next((folder for folder in reversed(folders) if CLASS_FOLDER.fullmatch(folder)), None)
