"""Folders of small images, which tests of `--data=DIR` share."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from jaxcnn.data.any_source import open_any
from jaxcnn.data.naming import canonical
from jaxcnn.data.sources import Source


def encoded(number: int, kind: str = "PNG", **options) -> bytes:
    """A small image that differs from those of all other numbers."""
    pixels = np.random.default_rng(number).integers(0, 256, (12, 16, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def put(folder: Path, *names: str, first: int = 0) -> None:
    """Writes different images under these names."""
    for number, name in enumerate(names, start=first):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(number))


def both(name: str | Path, data_dir: Path | None = None) -> tuple[Source, Source]:
    """The training and the test images of what `--data` names."""
    train, test = (open_any(canonical(name), split, data_dir=data_dir) for split in ("train", "test"))
    return train, test


def class_folders(folder: Path, classes: tuple[str, ...], images: int, first: int = 0) -> Path:
    """A folder of class folders with so many images each."""
    for place, name in enumerate(classes):
        put(folder, *(f"{name}/{number:03}.png" for number in range(images)), first=first + 1000 * place)
    return folder
