"""Which format a file of weights has, told by its content, and who converts it."""

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import DataMissingError, UsageError
from jaxcnn.interop.converted import Converted
from jaxcnn.interop.keras_file import HDF5, WEIGHTS
from jaxcnn.interop.named_arrays import damaged
from jaxcnn.interop.residual_order import Zeros
from jaxcnn.interop.safetensors_file import LENGTH
from jaxcnn.interop.torch_weights import READERS, convert_arrays, plausible

Format = Literal["pytorch", "safetensors", "keras", "caffe"]


class Source(NamedTuple):
    """A file of weights, read.

    Attributes:
      format: of the file.
      convert: makes its weights those of an experiment.
      plausible: whether they may fit an experiment at all, by their names alone, which takes no time.
    """

    format: Format
    convert: Callable[[Experiment], Converted]
    plausible: Callable[[Experiment], bool]


PICKLE = b"\x80"  # then the protocol
# What a Caffe network begins with: its name, or an old or a new layer (fields 1, 2 and 100, with a length).
PROTOBUF = (b"\x0a", b"\x12", b"\xa2\x06")
BY_ENDING: dict[str, Format] = {
    ".pth": "pytorch",
    ".pt": "pytorch",
    ".th": "pytorch",
    ".bin": "pytorch",
    ".safetensors": "safetensors",
    ".h5": "keras",
    ".hdf5": "keras",
    ".keras": "keras",
    ".caffemodel": "caffe",
}
KNOWN = "PyTorch (.pth, .pt, .th), .safetensors, Keras (.h5, .weights.h5, .keras) and Caffe (.caffemodel)"


def format_of(file: Path) -> Format:
    """The format of a file. Its content decides; its ending is asked where that says nothing.

    Raises:
      DataMissingError: there is no such file, or it is an empty or a damaged one.
      UsageError: it is of no known format.
    """
    if not file.is_file():
        raise DataMissingError(f"there is no file {file}; name a file of weights in --from.")
    try:
        with file.open("rb") as stream:
            start = stream.read(16)
    except OSError as error:
        raise DataMissingError(f"can't read {file}: {error.strerror}.") from error
    if not start:
        raise damaged(file, "it is empty")
    if start.startswith(HDF5):
        return "keras"
    if start.startswith(b"PK"):
        return _of_archive(file)
    hint = BY_ENDING.get(file.suffix.lower())
    if start[LENGTH : LENGTH + 1] == b"{" and int.from_bytes(start[:LENGTH], "little") < file.stat().st_size:
        return "safetensors"
    if start.startswith(PICKLE) and len(start) > 1 and start[1] <= 5:
        return "pytorch"
    if hint is not None:
        return hint
    if start.startswith(PROTOBUF):
        return "caffe"
    raise UsageError(f"{file} is no file of weights that is known here; allowed: {KNOWN}.")


def _of_archive(file: Path) -> Format:
    """PyTorch's and Keras's files are both zip archives."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, UnicodeDecodeError) as error:
        raise damaged(file, f"its archive is broken ({error})") from error
    if any(name.endswith("data.pkl") for name in names):
        return "pytorch"
    if WEIGHTS in names:
        return "keras"
    raise UsageError(f"{file} is an archive without weights; allowed: {KNOWN}.")


def open_weights(file: Path, *, zeros: Zeros = "both") -> Source:
    """Reads a file of weights.

    Raises:
      UsageError, DataMissingError, JaxcnnError: the file can't be read.
    """
    format = format_of(file)
    if format == "keras":
        from jaxcnn.interop.keras_weights import convert

        return Source(format, partial(convert, file), lambda experiment: True)
    if format == "caffe":
        from jaxcnn.interop.caffe_weights import convert

        return Source(format, partial(convert, file), lambda experiment: True)
    found = READERS[format](file)
    return Source(format, partial(convert_arrays, found, zeros=zeros), partial(plausible, found))
