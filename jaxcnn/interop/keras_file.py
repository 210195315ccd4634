"""Keras's files of weights, `.h5` of Keras 1 to 3, `.weights.h5` and `.keras` of Keras 3, read without Keras."""

import contextlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.interop.named_arrays import damaged

HDF5 = b"\x89HDF\r\n\x1a\n"
INSIDE = "model.weights.h5"  # a `.keras` file is a zip archive that holds this file
LARGEST = 2**33  # bytes that an archive may become
Layers = dict[str, list[Any]]  # layer → its arrays, as h5py has them: not read yet


@contextlib.contextmanager
def open_keras(file: Path) -> Iterator[Layers]:
    """The arrays of each layer that has some, in Keras's order: kernel and bias; or γ, β, mean and variance.

    They can be read as long as the file is open, within this context. No code in the file is run.

    Raises:
      UsageError: it isn't one of Keras's files of weights.
      DataMissingError: it is damaged.
      JaxcnnError: h5py isn't installed.
    """
    h5py = _h5py()
    try:
        with contextlib.ExitStack() as opened:
            root = opened.enter_context(h5py.File(_content(file), "r"))
            layers = _layers(root, file, h5py)
            if not layers:
                raise UsageError(f"{file} holds no layers with weights by name; save them with Keras's save_weights().")
            yield layers
    except JaxcnnError:
        raise
    except Exception as error:  # h5py has no common error; a damaged file fails in every way that there is
        raise damaged(file, f"h5py can't read it ({type(error).__name__})") from error


def _h5py() -> Any:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise JaxcnnError("Keras's files need h5py to be read, which isn't installed: pip install h5py.") from error
    return h5py


def _content(file: Path) -> Any:
    """What h5py is to open: the file, or the file of weights within a `.keras` archive."""
    if not zipfile.is_zipfile(file):
        return file
    with zipfile.ZipFile(file) as archive:
        entry = archive.getinfo(INSIDE)
        if entry.file_size > LARGEST:
            raise damaged(file, f"its archive claims to hold {entry.file_size:,} bytes")
        return io.BytesIO(archive.read(entry))


def _layers(root: Any, file: Path, h5py: Any) -> Layers:
    if "layers" in root:
        return dict(_of_keras_3(root["layers"], file, h5py))
    whole = root.get("model_weights", root)
    found: Layers = {}
    for name in map(_text, whole.attrs.get("layer_names", ())):
        group = whole[name]
        arrays = [_array(group, _text(weight), file, h5py) for weight in group.attrs.get("weight_names", ())]
        if arrays:
            found[name] = arrays
    return found


def _of_keras_3(group: Any, file: Path, h5py: Any) -> Iterator[tuple[str, list[Any]]]:
    """The layers below a group: Keras 3 numbers them by their class, and writes their names beside the arrays."""
    for name in group:
        inner = _member(group, name, file, h5py)
        if not isinstance(inner, h5py.Group):
            continue
        if "vars" in inner and len(inner["vars"]):
            own = inner["vars"]
            places = sorted((key for key in own if key.isdigit()), key=int)
            yield _text(own.attrs.get("name", name)), [_array(own, place, file, h5py) for place in places]
        else:
            yield from _of_keras_3(inner, file, h5py)


def _array(group: Any, name: str, file: Path, h5py: Any) -> Any:
    found = _member(group, name, file, h5py)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind != "f":
        raise UsageError(f"{file}: {name} holds no floating-point numbers.")
    if found.external:
        raise UsageError(f"{file}: {name} lies in another file, which isn't read.")
    return found


def _member(group: Any, path: str, file: Path, h5py: Any) -> Any:
    """What a group holds under this path. A link to another file isn't followed."""
    for part in path.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise UsageError(f"{file}: {path} is a link, which isn't followed.")
        group = group[part]
    return group


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes | np.bytes_) else str(value)
