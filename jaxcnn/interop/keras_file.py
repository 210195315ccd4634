"""Files of weights that Keras writes: .h5, .weights.h5, and .keras, which is an archive around the second."""

import contextlib
import json
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxcnn.errors import DataMissingError, JaxcnnError
from jaxcnn.interop.hdf5_file import SECONDS, Hdf5File, StoredArray, damaged, open_hdf5, require_h5py
from jaxcnn.interop.keras_names import BY_NUMBER, NORM_BY_NUMBER, Names, role_of
from jaxcnn.runs.disk_errors import FULL

HDF5 = b"\x89HDF\r\n\x1a\n"  # how such a file begins
WEIGHTS, CONFIG = "model.weights.h5", "config.json"  # in a .keras archive
MOST_CONFIG = 2**24  # bytes; ResNet-152's is half a megabyte
PIECE = 2**20
# NotImplementedError and an encrypted archive's are RuntimeErrors.
BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError)


class Origin(NamedTuple):
    """Whose array it is.

    Attributes:
      keras_layer: the layer's name in Keras, or that of its class with a number.
      layer: ours, "conv2_1/a.bn".
      role: as `role_of` has it.
    """

    keras_layer: str
    layer: str
    role: str


class LazyArray:
    """An array that is read as float32 when NumPy takes it. It then raises DataMissingError as `Hdf5File.read` does.

    Attributes:
      shape: as the file says.
      dtype: the name of its type in the file.
    """

    def __init__(self, hdf5: Hdf5File, path: str) -> None:
        self._hdf5, self._path = hdf5, path
        self.shape, self.dtype = hdf5.arrays[path].shape, hdf5.arrays[path].dtype

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._hdf5.read(self._path).astype(dtype or np.float32, copy=False)


class KerasFile:
    """An open file of weights.

    Attributes:
      arrays: path within the file → its shape and type.
      epsilons: those of the batch normalisations, by Keras's name of the layer, where the file describes the model.
    """

    def __init__(self, hdf5: Hdf5File, config: str) -> None:
        self._hdf5 = hdf5
        self.arrays: dict[str, StoredArray] = hdf5.arrays
        self.epsilons = _epsilons(config)

    def array(self, path: str) -> "LazyArray":
        """An array that is read when NumPy takes it, after its shape was looked at."""
        return LazyArray(self._hdf5, path)

    def origin(self, path: str, names: Names) -> Origin | None:
        """Whose array it is; None where no layer of the network has its name.

        There are two layouts. In "conv1_bn/conv1_bn/gamma:0" the outermost name counts that is a layer's, as TensorFlow
        may have numbered the inner one. The other is Keras 3's "layers/batch_normalization/vars/0", which notes the
        layer's name since some release; without it the number of its class counts.
        """
        *groups, name = path.split("/")
        if groups[-1:] == ["vars"] and name.isdigit():
            candidates = [self.arrays[path].layer] if self.arrays[path].layer else groups[-2:-1]
            known = names.layers if self.arrays[path].layer else names.numbered
        else:
            candidates, known = groups, names.layers
        found = next((group for group in candidates if group in known), None)
        if found is None:
            return None
        layer = known[found]
        role = role_of(name)
        if name.isdigit():
            roles = NORM_BY_NUMBER if layer.endswith(".bn") else BY_NUMBER
            role = roles[int(name)] if int(name) < len(roles) else None
        return None if role is None else Origin(found, layer, role)


@contextlib.contextmanager
def open_keras(file: Path, *, largest: int, total: int, seconds: float = SECONDS) -> Iterator[KerasFile]:
    """Opens a file.

    Args:
      file: HDF5, or an archive that holds it.
      largest: bytes of the largest array that will be read.
      total: bytes of all of them. An archive that claims several times as much isn't unpacked.
      seconds: as for `open_hdf5`.

    Raises:
      UsageError: h5py isn't installed.
      DataMissingError: there is no such file, or it is damaged.
    """
    require_h5py()
    if not file.is_file():
        raise DataMissingError(f"there is no file {file}; name a file of weights.")
    try:
        with file.open("rb") as stream:
            is_archive = stream.read(2) == b"PK"
    except OSError as error:
        raise DataMissingError(f"can't read {file}: {error.strerror}.") from error
    if not is_archive:
        with open_hdf5(file, largest=largest, seconds=seconds) as hdf5:
            yield KerasFile(hdf5, hdf5.config)
        return
    with tempfile.TemporaryDirectory(prefix="jaxcnn-keras-") as folder:
        weights = Path(folder) / WEIGHTS
        config = _unpack(file, weights, most=8 * total + 2**26)  # float64, and as many moments of an optimizer
        with open_hdf5(weights, largest=largest, seconds=seconds, named=file) as hdf5:
            yield KerasFile(hdf5, config)


def _unpack(file: Path, weights: Path, *, most: int) -> str:
    """Writes an archive's HDF5 file to `weights`, and returns its description of the model, "" where it has none."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = {entry.filename: entry for entry in archive.infolist() if entry.filename in (WEIGHTS, CONFIG)}
            sizes = {name: entry.file_size for name, entry in entries.items()}
            if WEIGHTS not in sizes:
                raise damaged(file, f"its archive has no {WEIGHTS}")
            if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries.values()):
                raise damaged(file, "its archive is packed in a way that Keras doesn't use")
            if sizes[WEIGHTS] > most or sizes.get(CONFIG, 0) > MOST_CONFIG:
                raise damaged(file, "its archive claims to hold far more than the network's weights")
            with archive.open(WEIGHTS) as packed, weights.open("wb") as unpacked:
                while piece := packed.read(PIECE):  # no more than the size that was looked at
                    unpacked.write(piece)
            return archive.read(CONFIG).decode("utf-8", "replace") if CONFIG in sizes else ""
    except BROKEN_ARCHIVE as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise JaxcnnError(f"the disk that holds {weights.parent} is full; make room, or set TMPDIR.") from error
        raise damaged(file, f"its archive is broken ({str(error) or type(error).__name__})") from error


def _epsilons(config: str) -> dict[str, float]:
    """The ε of each batch normalisation, by the layer's name, in a model's description; empty if it can't be read."""
    found: dict[str, float] = {}

    def walk(node: Any) -> None:
        if isinstance(node, list):
            for part in node:
                walk(part)
        if isinstance(node, dict):
            own = node.get("config")
            if node.get("class_name") == "BatchNormalization" and isinstance(own, dict):
                name, epsilon = own.get("name"), own.get("epsilon")
                if isinstance(name, str) and isinstance(epsilon, int | float) and 0 < epsilon < 1:
                    found[name] = float(epsilon)
            for part in node.values():
                walk(part)

    with contextlib.suppress(ValueError, RecursionError):
        walk(json.loads(config))
    return found
