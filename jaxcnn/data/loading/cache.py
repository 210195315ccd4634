"""Cached results beside a data set: decoded images and the mean image. The cache is optional and only saves time."""

import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxcnn.data.decoding.decode import Resize
from jaxcnn.data.sources import Source

# Part of the name of every cache file. Raise it when the results of `decode` change.
DECODER_VERSION = 3


def cache_file(
    source: Source,
    what: str,
    *,
    size: int,
    channels: int,
    resize: Resize = "shorter_side",
    folder: Path | None = None,
) -> Path | None:
    """The path of a cached result, or None if it can't be saved (embedded data, a bucket, a read-only folder).

    The file name contains everything that the result depends on, so an outdated file is never found.

    Args:
        source: the split.
        what: the kind of result, a part of the file name.
        size, channels, resize: side in pixels, channels and way of resizing of the decoded images.
        folder: where to save; by default a folder beside the data set.
    """
    if folder is None:
        if source.folder is None or "://" in str(source.folder) or not os.access(source.folder, os.W_OK):
            return None
        folder = Path(source.folder) / "jaxcnn_cache"
    shape = f"{size}x{size}x{channels}{'' if resize == 'shorter_side' else f'-{resize}'}"
    return folder / f"{what}-{source.name}-{source.split}-{shape}-v{DECODER_VERSION}-{source.files_version}.npz"


def load_or_compute(
    path: Path | None, compute: Callable[[], dict[str, np.ndarray]], *, keep: Callable[[], bool] = lambda: True
) -> dict[str, np.ndarray]:
    """The arrays in a cache file. If it is missing or damaged, they are computed and, if possible, saved.

    A file gets its final name only when complete, so several processes may do this at once.

    Args:
        path: from `cache_file`; None disables the cache.
        compute: computes the arrays.
        keep: called after `compute`; the result is saved only if it returns True.
    """
    if path is None:
        return compute()
    if path.exists():
        try:
            with np.load(path) as arrays:
                return {key: arrays[key] for key in arrays.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            pass  # an incomplete file, for example after a crash: computed again below
    result = compute()
    if not keep():
        return result
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            temporary = Path(file.name)
            np.savez(file, allow_pickle=False, **result)
        temporary.replace(path)
    except OSError:  # a full disk must not stop a run that has its data
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return result
