"""Files of Hugging Face's safetensors format, read without its library.

Eight bytes with the length of a header, the header in JSON (name → type, shape, place), then the arrays, without gaps.
The library's NumPy reader doesn't know bfloat16, and a reader of our own says which array of a damaged file is wrong.
"""

import json
import math
from pathlib import Path
from typing import Any, BinaryIO

import jax.numpy as jnp
import numpy as np

from jaxcnn.interop.named_arrays import NamedArrays, damaged, named_arrays

LENGTH = 8  # bytes that hold the header's length, little-endian
LONGEST_HEADER = 100_000_000  # bytes, the format's own limit
METADATA = "__metadata__"  # the one entry that is no array: texts by name
DTYPES: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": jnp.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def read(file: Path) -> NamedArrays:
    """The arrays of a file. No more is read or allocated than the file's size.

    Raises:
      DataMissingError: the file is damaged; the message says how.
    """
    with file.open("rb") as stream:
        header, size = _header(stream, file)
        metadata = header.pop(METADATA, None)
        start = stream.tell()
        arrays, end = {}, 0
        for name, entry in _by_place(header, file):
            dtype, shape, place = _entry(name, entry, file)
            if place[0] != end:
                raise damaged(file, f"the array {name!r} begins at byte {place[0]:,} of the data, not at {end:,}")
            end = place[1]
            if end > size - start:
                raise damaged(file, f"the array {name!r} ends at byte {end:,} of {size - start:,}")
            arrays[name] = _array(stream.read(end - place[0]), dtype, shape, name, file)
        if end != size - start:
            raise damaged(file, f"{size - start - end:,} bytes at its end belong to no array")
    return named_arrays("safetensors", arrays, metadata=metadata)


def _header(stream: BinaryIO, file: Path) -> tuple[dict[str, Any], int]:
    """(The header, the file's size in bytes); the stream stands behind it."""
    size = file.stat().st_size
    length = int.from_bytes(stream.read(LENGTH), "little")
    if size < LENGTH or length > min(size - LENGTH, LONGEST_HEADER):
        raise damaged(file, f"its header claims {length:,} bytes, and the file has {size:,}")
    try:
        header = json.loads(stream.read(length), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise damaged(file, f"its header is no JSON ({error})") from error
    if not isinstance(header, dict):
        raise damaged(file, "its header is no JSON object")
    texts = header.get(METADATA) or {}
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise damaged(file, f"{METADATA} in its header isn't texts by name")
    return header, size


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _by_place(header: dict[str, Any], file: Path) -> list[tuple[str, Any]]:
    """The entries in the order of their data."""
    for name, entry in header.items():
        if not isinstance(entry, dict) or not _are_counts(entry.get("data_offsets"), 2):
            raise damaged(file, f"the header's entry {name!r} has no data_offsets of two whole numbers")
    return sorted(header.items(), key=lambda item: item[1]["data_offsets"])


def _entry(name: str, entry: dict[str, Any], file: Path) -> tuple[np.dtype, list[int], list[int]]:
    dtype, shape, place = entry.get("dtype"), entry.get("shape"), entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise damaged(file, f"the array {name!r} has the type {dtype!r}; known are {', '.join(DTYPES)}")
    if not isinstance(shape, list) or not _are_counts(shape):
        raise damaged(file, f"the shape of {name!r} is {shape!r}, no list of whole numbers")
    found = np.dtype(DTYPES[dtype])
    claimed, room = math.prod(shape) * found.itemsize, place[1] - place[0]
    if claimed != room:
        raise damaged(file, f"the array {name!r} of shape {shape} needs {claimed:,} bytes and has {room:,}")
    return found, shape, place


def _are_counts(values: Any, length: int | None = None) -> bool:
    whole = isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
    return whole and (length is None or len(values) == length)


def _array(content: bytes, dtype: np.dtype, shape: list[int], name: str, file: Path) -> np.ndarray:
    try:
        return np.frombuffer(content, dtype.newbyteorder("<") if dtype.kind != "V" else dtype).reshape(shape)
    except ValueError as error:  # more axes or larger ones than NumPy has, which an array without values may claim
        raise damaged(file, f"the array {name!r} can't have the shape {shape} ({error})") from error
