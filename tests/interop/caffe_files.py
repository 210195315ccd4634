"""Writing Caffe's files of weights by protobuf's wire format, in every generation of layers."""

from collections.abc import Mapping

import numpy as np

V1_KINDS = {"Convolution": 4, "InnerProduct": 14, "LRN": 15, "Pooling": 17}
V0_KINDS = {"Convolution": "conv", "InnerProduct": "innerproduct", "LRN": "lrn", "Pooling": "pool"}
# Generation → the fields of a layer: its name, type and arrays, and the settings of LRN and Pooling.
FIELDS = {"today": (1, 2, 7, 118, 121), "V1": (4, 5, 6, 18, 19)}


def varint(value: int) -> bytes:
    """An unsigned number of variable length."""
    content = bytearray()
    while value > 0x7F:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*content, value])


def field(number: int, value: int | float | bytes | str) -> bytes:
    """A field of a message: a whole number, a float32, a text, or bytes with their length in front."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + np.float32(value).tobytes()
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob(array: np.ndarray, *, four_sides: bool = False, double: bool = False) -> bytes:
    """A BlobProto: its shape as today, or with the four sides of older versions; float32, or float64."""
    if four_sides:
        sides = (1,) * (4 - array.ndim) + array.shape
        shape = b"".join(field(number, side) for number, side in enumerate(sides, start=1))
    else:
        shape = field(7, field(1, b"".join(map(varint, array.shape))))
    return shape + (field(8, array.astype("<f8").tobytes()) if double else field(5, array.astype("<f4").tobytes()))


def caffemodel(
    name: str,
    layers: Mapping[str, tuple[str, list[np.ndarray]]],
    generation: str = "today",
    *,
    settings: Mapping[str, bytes] | None = None,
    double: bool = False,
) -> bytes:
    """A NetParameter.

    Args:
      name: the network's.
      layers: name → (type, blobs).
      generation: "today", "V1" or "V0".
      settings: name of a layer → its LRNParameter or PoolingParameter.
      double: whether arrays are float64.
    """
    content = field(1, name)
    for layer, (kind, arrays) in layers.items():
        blobs = [blob(array, four_sides=generation != "today", double=double) for array in arrays]
        if generation == "V0":
            inner = field(1, layer) + field(2, V0_KINDS[kind]) + b"".join(field(50, one) for one in blobs)
            content += field(2, field(1, inner))
            continue
        at_name, at_kind, at_blobs, at_lrn, at_pool = FIELDS[generation]
        inner = field(at_name, layer) + field(at_kind, kind if generation == "today" else V1_KINDS[kind])
        inner += b"".join(field(at_blobs, one) for one in blobs)
        if settings and layer in settings:
            inner += field(at_lrn if kind == "LRN" else at_pool, settings[layer])
        content += field(100 if generation == "today" else 2, inner)
    return content
