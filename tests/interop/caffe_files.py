"""Writing Caffe's files of weights by protobuf's wire format, in both generations of layers."""

from collections.abc import Mapping

import numpy as np

V1_TYPES = {"Convolution": 4, "InnerProduct": 14}


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number: int, content: bytes | int) -> bytes:
    """A field with a length, or a whole number."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob(array: np.ndarray, generation: str) -> bytes:
    """A BlobProto: today with a shape, in V1 with four sides."""
    if generation == "today":
        shape = field(7, field(1, b"".join(varint(side) for side in array.shape)))
    else:
        sides = (1,) * (4 - array.ndim) + array.shape
        shape = b"".join(field(number, side) for number, side in enumerate(sides, start=1))
    return shape + field(5, array.astype("<f4").tobytes())


def caffemodel(name: str, layers: Mapping[str, tuple[str, list[np.ndarray]]], generation: str = "today") -> bytes:
    """A NetParameter. layers: name → (type, blobs)."""
    content = field(1, name.encode())
    for layer, (kind, arrays) in layers.items():
        if generation == "today":
            inner = field(1, layer.encode()) + field(2, kind.encode())
            content += field(100, inner + b"".join(field(7, blob(array, generation)) for array in arrays))
        else:
            inner = field(4, layer.encode()) + field(5, V1_TYPES[kind])
            content += field(2, inner + b"".join(field(6, blob(array, generation)) for array in arrays))
    return content
