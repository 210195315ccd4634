"""MNIST and Fashion-MNIST, from their four IDX files, gzipped or not."""

import functools
from pathlib import Path

import numpy as np

from jaxcnn.data.archive_index import Archive
from jaxcnn.data.datasets import DATA_SETS, DataSet
from jaxcnn.data.manual_dir import damaged
from jaxcnn.data.preparation.builders.original import content_sha256, unzipped
from jaxcnn.data.preparation.builders.writer import Content, Records, png
from jaxcnn.errors import DataMissingError

FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}


def content(entry: DataSet, paths: dict[str, Path]) -> Content:
    """Reads all four files and verifies the digest of their decompressed content.

    Raises:
        DataMissingError: a file is damaged or has other content; the message names it.
    """
    archives = {archive.file_name: archive for archive in entry.archives}
    arrays = {split: tuple(read_idx(paths[name], archives[name]) for name in names) for split, names in FILES.items()}

    def records(split: str) -> Records:
        images, labels = arrays[split]
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield index, {"image": png(image[:, :, None]), "label": int(label)}

    return Content(
        splits={split: functools.partial(records, split) for split in FILES},
        sizes={split: len(labels) for split, (_, labels) in arrays.items()},
        origins={split: paths[images] for split, (images, _) in FILES.items()},
    )


def read_idx(path: Path, archive: Archive) -> np.ndarray:
    """The uint8 array in an IDX file: big-endian magic number 0x0800 + rank, sizes, values.

    Raises:
        DataMissingError: the file can't be read, or its content isn't that of `archive`.
    """
    with damaged(path):
        raw = unzipped(path)
    digest = content_sha256(raw)
    if digest != archive.content_sha256:
        other = _known_contents().get(digest)
        is_what = f"is {other}" if other else f"is damaged or another file: its content has sha256 {digest[:16]}…, not "
        expected = "" if other else f"{str(archive.content_sha256)[:16]}…"
        raise DataMissingError(f"{path} {is_what}{expected}; replace it by the original {archive.file_name}")
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape([int(side) for side in shape])


def _known_contents() -> dict[str, str]:
    """Maps the content digest of every registered IDX file to its description, for messages."""
    return {
        archive.content_sha256: f"{entry.name}'s {archive.file_name}"
        for entry in DATA_SETS.values()
        for archive in entry.archives
        if archive.content_sha256
    }
