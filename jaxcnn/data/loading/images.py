"""Images from files, folders and arrays, one after the other, as stored squares; a damaged one stops nothing."""

import dataclasses
import os
from collections.abc import Generator, Sequence

import numpy as np

from jaxcnn.data.decoding.any_image import check_array, decode_any, read_image
from jaxcnn.data.decoding.decode import Resize
from jaxcnn.data.image_files import find_images
from jaxcnn.data.loading.pipeline import prefetched
from jaxcnn.errors import UsageError

# What a person can hand over as images: a file or folder, an array, or several of them.
Images = str | os.PathLike[str] | np.ndarray | Sequence[str | os.PathLike[str] | np.ndarray]


@dataclasses.dataclass(frozen=True)
class ImageList:
    """Images that aren't read yet.

    Attributes:
        sources: paths of files, or arrays.
        names: what each is called in an answer: its path, or "images[3]".
        skipped: how many files in the folders aren't images.
    """

    sources: tuple[str | np.ndarray, ...]
    names: tuple[str, ...]
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.sources)


def open_images(images: Images | ImageList) -> ImageList:
    """Lists images in the order given, those in folders sorted by their paths.

    Args:
        images: paths of files and folders (see `image_files.find_images`) and arrays (see `any_image.check_array`), or
            one of them, or uint8 [n, h, w, channels].

    Raises:
        UsageError: there is no such file or folder, a folder holds no images, an array is no image, or the list is
            empty.
    """
    if isinstance(images, ImageList):
        return images
    if isinstance(images, str | os.PathLike) or (isinstance(images, np.ndarray) and images.ndim != 4):
        images = [images]
    if not len(images):
        raise UsageError("there are no images; give files, or folders that hold some, or uint8 arrays.")
    sources, names, skipped = [], [], 0
    for number, image in enumerate(images):
        if isinstance(image, np.ndarray):
            name = f"images[{number}]"
            check_array(image, name)
            sources.append(image)
            names.append(name)
        else:
            found = find_images([image])
            sources += found.paths
            names += found.paths
            skipped += found.skipped
    return ImageList(tuple(sources), tuple(names), skipped)


def squares(
    images: ImageList, *, size: int, channels: int, resize: Resize = "shorter_side"
) -> Generator[np.ndarray | str, None, None]:
    """Each image as uint8 [size, size, channels], by `any_image.decode_any`; or what is wrong with it, in a line.

    They are read and decoded on threads, a few ahead of what has been asked for.
    """

    def load(number: int) -> np.ndarray | str:
        source = images.sources[number]
        try:
            content = source if isinstance(source, np.ndarray) else read_image(source)
            return decode_any(content, size=size, channels=channels, resize=resize)
        except ValueError as error:
            return " ".join(str(error).split())

    yield from prefetched(load, 0, len(images))
