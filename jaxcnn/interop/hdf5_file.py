"""An HDF5 file of weights, read by another process, so that a damaged file can't take this one down."""

import contextlib
import importlib.util
import io
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from jaxcnn.errors import DataMissingError, UsageError

READER = Path(__file__).with_name("hdf5_process.py")
SECONDS = 60.0  # for the list of what a file holds, and for each array
BYTES_PER_SECOND = 2e6  # of the slowest disk that an array is waited for
LONGEST_LINE = 2**26  # of an answer, bytes
MEMORY = 2**31  # of the other process, beside the arrays that it reads, bytes


class StoredArray(NamedTuple):
    """What a file says of an array.

    Attributes:
      shape: as it is stored.
      dtype: the name of its type, "float32".
      layer: the name of the layer that Keras 3 notes beside its arrays; "" elsewhere.
    """

    shape: tuple[int, ...]
    dtype: str
    layer: str


class Hdf5File:
    """An open file.

    Attributes:
      arrays: path within the file → what it says of the array.
      config: the model's description as Keras saves it, JSON; "" where there is none.
    """

    def __init__(self, process: subprocess.Popen[bytes], file: Path, seconds: float) -> None:
        self._process, self._file, self._seconds = process, file, seconds
        head = self._answer(seconds)
        self.config = str(head["config"])
        self.arrays = {
            path: StoredArray(tuple(entry["shape"]), entry["dtype"], entry["layer"])
            for path, entry in head["arrays"].items()
            if entry["shape"] is not None  # an array that was declared empty
        }

    def read(self, path: str) -> np.ndarray:
        """An array as float32.

        Args:
          path: one of `arrays`, whose size the caller has found acceptable.

        Raises:
          DataMissingError: its values are damaged, in another file, or packed so that they take more memory than their
            own.
        """
        shape = self.arrays[path].shape
        size = 4 * math.prod(shape)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has ended: its answer says so
            self._process.stdin.write(json.dumps(path).encode() + b"\n")
            self._process.stdin.flush()
        seconds = self._seconds + size / BYTES_PER_SECOND
        head = self._answer(seconds)
        if head["bytes"] != size:
            raise damaged(self._file, f"{path} has another size than it says")
        array = np.empty(size, np.uint8)  # now that the other process has as much
        with self._limited(seconds):
            found = cast(io.BufferedReader, self._process.stdout).readinto(array.data)
        if found != size:
            raise damaged(self._file, f"reading {path} ended too early")
        return array.view("<f4").reshape(shape)

    def _answer(self, seconds: float) -> dict[str, Any]:
        """The next line of the other process; raises DataMissingError where it has ended, or tells of an error."""
        assert self._process.stdout is not None
        with self._limited(seconds) as is_late:
            line = self._process.stdout.readline(LONGEST_LINE)
        if is_late.is_set():
            raise damaged(self._file, f"reading it took more than {seconds:.0f} seconds")
        if not line.endswith(b"\n"):
            raise damaged(self._file, "HDF5's library crashed on it")
        head = json.loads(line)
        if "error" in head:
            raise damaged(self._file, head["error"])
        return head

    @contextlib.contextmanager
    def _limited(self, seconds: float) -> Iterator[threading.Event]:
        """Ends the other process if the block takes longer; the event tells whether it did."""
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            self._process.kill()

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            yield is_late
        finally:
            timer.cancel()


@contextlib.contextmanager
def open_hdf5(file: Path, *, largest: int, seconds: float = SECONDS, named: Path | None = None) -> Iterator[Hdf5File]:
    """Opens a file for reading.

    Args:
      file: with HDF5's content.
      largest: bytes of the largest array that will be read.
      seconds: for the list of the file's arrays, and for each array beside its size.
      named: the file that errors are to name instead.

    Raises:
      UsageError: h5py isn't installed.
      DataMissingError: the file is damaged, or reads from other files.
    """
    require_h5py()
    command = [sys.executable, "-P", str(READER), os.path.abspath(file), str(MEMORY + 4 * math.ceil(largest))]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # whose threads would each take address space
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, env=environment)
    try:
        yield Hdf5File(process, named or file, seconds)
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                assert stream is not None
                stream.close()
        process.wait()


def require_h5py() -> None:
    """Raises UsageError where h5py isn't installed."""
    if importlib.util.find_spec("h5py") is None:
        raise UsageError(
            "Keras's files need the package h5py, which isn't installed here; install it with: pip install h5py"
        )


def damaged(file: Path, why: str) -> DataMissingError:
    """The error for a file of weights that can't be read."""
    return DataMissingError(f"{file} is damaged or no file of Keras's weights: {why}; get it again from where it came.")
