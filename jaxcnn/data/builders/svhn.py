"""SVHN, cropped digits, from the MATLAB files `train_32x32.mat`, `test_32x32.mat`, `extra_32x32.mat`."""

import functools
from pathlib import Path

import numpy as np

from jaxcnn.data.archives import is_original
from jaxcnn.data.builders.writer import Content, Records, png
from jaxcnn.data.datasets import DataSet
from jaxcnn.errors import DataMissingError


def content(entry: DataSet, paths: dict[str, Path]) -> Content:
    """The splits are read when their turn comes: the extra one alone takes 1.6 GB of memory.

    Raises:
        DataMissingError: (while iterating) a file is damaged; the message names it.
    """

    def records(path: Path, split: str) -> Records:
        is_original(entry, path)
        images, labels = _read(path)
        for index, label in enumerate(labels):
            image = png(np.ascontiguousarray(images[..., index]))
            # The file has 10 for the digit 0.
            yield index, {"id": f"{split}_{index:06d}", "image": image, "label": int(label) % 10}

    splits = {name.removesuffix("_32x32.mat"): path for name, path in paths.items()}
    return Content(splits={split: functools.partial(records, path, split) for split, path in splits.items()})


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 [32, 32, 3, n] and labels [n], 1 … 10."""
    from scipy.io import loadmat  # comes with scikit-learn; only this data set needs it

    try:
        arrays = loadmat(path)
        images, labels = arrays["X"], arrays["y"].reshape(-1)
    except Exception as error:  # what scipy raises on damage is anything from zlib.error to TypeError
        if isinstance(error, (PermissionError, MemoryError)):
            raise
        raise DataMissingError(f"{path} is damaged ({error}); replace it by the original") from error
    fits = images.shape == (32, 32, 3, len(labels)) and images.dtype == np.uint8
    if not fits or not 1 <= labels.min() <= labels.max() <= 10:
        raise DataMissingError(f"{path} holds no SVHN digits (X is {images.dtype} {images.shape}); replace it")
    return images, labels
