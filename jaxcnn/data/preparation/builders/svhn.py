"""SVHN, cropped digits, from the MATLAB files `train_32x32.mat`, `test_32x32.mat`, `extra_32x32.mat`."""

import functools
from pathlib import Path

import numpy as np

from jaxcnn.data.datasets import DataSet
from jaxcnn.data.manual_dir import damaged, shown
from jaxcnn.data.preparation.builders.original import is_original
from jaxcnn.data.preparation.builders.writer import Content, Records, png
from jaxcnn.errors import DataMissingError


def content(entry: DataSet, paths: dict[str, Path]) -> Content:
    """All splits, each read when it is written, because the extra split alone takes 1.6 GB of memory.

    Raises:
        DataMissingError: (while iterating) a file is damaged; the message names it.
    """

    def records(path: Path, split: str) -> Records:
        is_original(entry, path)
        images, labels = _read(path)
        for index, label in enumerate(labels):
            image = png(np.ascontiguousarray(images[..., index]))
            # The files use the label 10 for the digit 0.
            yield index, {"id": f"{split}_{index:06d}", "image": image, "label": int(label) % 10}

    splits = {name.removesuffix("_32x32.mat"): path for name, path in paths.items()}
    return Content(
        splits={split: functools.partial(records, path, split) for split, path in splits.items()}, origins=splits
    )


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [32, 32, 3, n] and labels [n], 1 … 10."""
    from scipy.io import loadmat  # imported here because only this data set needs it

    try:
        with damaged(path), path.open("rb") as file:
            arrays = loadmat(file)
    except (MemoryError, DataMissingError):
        raise
    except Exception as error:  # scipy has no common error: from zlib.error to TypeError
        raise DataMissingError(f"{path} is damaged ({shown(error)}); replace it by the original") from error
    images, labels = (np.asarray(arrays.get(name)) for name in "Xy")
    labels = labels.reshape(-1)
    fits = images.dtype == np.uint8 and images.shape == (32, 32, 3, len(labels)) and labels.dtype.kind in "uif"
    if not fits or not np.isin(labels, range(1, 11)).all():
        raise DataMissingError(
            f"{path} holds no SVHN digits (X is {images.dtype} {images.shape}, y {labels.dtype} {labels.shape}); "
            "replace it by the original"
        )
    return images, labels
