"""Results kept beside a data set: decoded pictures, the mean picture. Never needed, only faster."""

import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxcnn.data.sources import Source

# Part of every cache file's name: raise it when `decode` changes what it returns.
DECODER_VERSION = 3


def cache_file(source: Source, what: str, *, size: int, channels: int, folder: Path | None = None) -> Path | None:
    """Where to keep a result, or None if there is nowhere (embedded data, a bucket, a read-only folder).

    The name holds all that the result depends on, so that a file is either right or not found.
    """
    if folder is None:
        if source.folder is None or "://" in str(source.folder) or not os.access(source.folder, os.W_OK):
            return None
        folder = Path(source.folder) / "jaxcnn_cache"
    shape = f"{size}x{size}x{channels}"
    return folder / f"{what}-{source.name}-{source.split}-{shape}-v{DECODER_VERSION}-{source.files_version}.npz"


def load_or_compute(
    path: Path | None, compute: Callable[[], dict[str, np.ndarray]], *, keep: Callable[[], bool] = lambda: True
) -> dict[str, np.ndarray]:
    """The arrays in the file; if it isn't there or is damaged they are computed and, if possible, saved.

    The file appears under its name only when it is complete, so that two processes may do this at once.

    keep: asked after computing; where it says no, nothing is saved.
    """
    if path is None:
        return compute()
    if path.exists():
        try:
            with np.load(path) as arrays:
                return {key: arrays[key] for key in arrays.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            pass  # half a file from a crashed machine: made anew below
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
