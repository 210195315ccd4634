"""MNIST and Fashion-MNIST, from their four gzipped IDX files."""

import functools
import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from jaxcnn.data.builders.writer import Content, Records, png
from jaxcnn.data.datasets import DataSet
from jaxcnn.data.original_archives import Archive
from jaxcnn.errors import DataMissingError

FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}


def content(entry: DataSet, paths: dict[str, Path]) -> Content:
    """Reads and verifies all four files.

    The digest is that of the decompressed content: the same data under another gzip header will do.

    Raises:
        DataMissingError: a file is damaged or holds something else; the message names it.
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
    )


def read_idx(path: Path, archive: Archive) -> np.ndarray:
    """The array in a gzipped IDX file of bytes: big-endian magic number 0x0800 + rank, sizes, values."""
    try:
        raw = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataMissingError(
            f"{path} is damaged ({error}); replace it by the original {archive.file_name}"
        ) from error
    digest = hashlib.sha256(raw).hexdigest()
    if digest != archive.content_sha256:
        raise DataMissingError(
            f"{path} is damaged or another file: its content has sha256 {digest[:16]}…, not "
            f"{str(archive.content_sha256)[:16]}…; replace it by the original {archive.file_name}"
        )
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape([int(side) for side in shape])
