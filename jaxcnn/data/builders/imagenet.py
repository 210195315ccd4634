"""ImageNet (ILSVRC-2012), from its two official tar files.

`ILSVRC2012_img_train.tar` holds one tar a class (`n01440764.tar`), `ILSVRC2012_img_val.tar` pictures
only, whose labels TFDS brings. JPEG bytes are stored untouched, except for the 22 CMYK pictures and the
one PNG among them, which become RGB JPEGs, as with TFDS (there by TensorFlow, here by Pillow).
"""

import io
import tarfile
from pathlib import Path

import tensorflow_datasets as tfds
from PIL import Image

from jaxcnn.data.builders.tar import damaged, members
from jaxcnn.data.builders.writer import Content, Records
from jaxcnn.data.datasets import DataSet
from jaxcnn.errors import DataMissingError

OFFICIAL_TAR_BYTES = 6_000_000_000  # the smaller of the two has 6.7 GB


def content(entry: DataSet, paths: dict[str, Path]) -> Content:
    """Both splits, read from front to back without unpacking.

    Raises:
        DataMissingError: (while iterating) an archive or a picture is damaged; the message names it.
    """
    train, validation = paths["ILSVRC2012_img_train.tar"], paths["ILSVRC2012_img_val.tar"]
    official = min(train.stat().st_size, validation.stat().st_size) > OFFICIAL_TAR_BYTES
    return Content(
        splits={"train": lambda: _train(train), "validation": lambda: _validation(validation)},
        sizes={"train": entry.train_size, "validation": entry.test_size} if official else {},
    )


def _train(path: Path) -> Records:
    with damaged(path), tarfile.open(path, "r:") as archive:
        for member in archive:
            if not member.name.endswith(".tar"):
                continue
            with tarfile.open(fileobj=archive.extractfile(member), mode="r|") as pictures:
                for picture in pictures:
                    file = pictures.extractfile(picture)
                    if file is not None:
                        name = Path(picture.name).name
                        image = rgb_jpeg(file.read(), f"{path}: {member.name}: {name}")
                        yield name, {"file_name": name, "image": image, "label": Path(member.name).stem}


def _validation(path: Path) -> Records:
    # One class a line, for ILSVRC2012_val_00000001.JPEG and so on.
    labels = tfds.core.tfds_path("datasets/imagenet2012/validation_labels.txt").read_text().split()
    for member, image in members(path):
        name = Path(member).name
        number = name.removeprefix("ILSVRC2012_val_").removesuffix(".JPEG")
        if not number.isdigit() or not 1 <= int(number) <= len(labels):
            raise DataMissingError(f"{path} holds {member!r}; expected ILSVRC2012_val_00000001.JPEG … 00050000.JPEG")
        label = labels[int(number) - 1]
        yield name, {"file_name": name, "image": rgb_jpeg(image, f"{path}: {name}"), "label": label}


def rgb_jpeg(encoded: bytes, where: str) -> bytes:
    """The same bytes if they are a grey or RGB JPEG, else the picture as an RGB JPEG of quality 100.

    Raises:
        DataMissingError: they are no picture; the message has `where`.
    """
    try:
        picture = Image.open(io.BytesIO(encoded))  # reads the header alone
        if picture.format == "JPEG" and picture.mode in ("L", "RGB"):
            return encoded
        converted = io.BytesIO()
        picture.convert("RGB").save(converted, "JPEG", quality=100)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataMissingError(f"{where} is not a readable picture ({error}); replace the archive") from error
    return converted.getvalue()
