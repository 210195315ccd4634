"""A `BlobProto` of `caffe.proto`: one array of a Caffe layer."""

import math

import numpy as np

from jaxcnn.interop.wire_format import BYTES, Budget, Value, WireFormatError, fields, part, read_varint, whole

LEGACY_SIDES = (1, 2, 3, 4)  # num, channels, height, width
SHAPE = 7
DATA = {5: np.dtype("<f4"), 8: np.dtype("<f8")}  # data, double_data
DIMENSIONS = 32  # limit, as in Caffe
LONGEST_SIDE = 2**31 - 1


def read_blob(message: memoryview, budget: Budget) -> np.ndarray:
    """The array, of the shape that the message states; a read-only view of it where its values are in one block.

    Args:
      message: its bytes.
      budget: of the file.

    Raises:
      WireFormatError: the message is damaged, or has more or fewer values than its shape.
    """
    legacy: dict[int, int] = {}
    stated: tuple[int, ...] = ()
    blocks: dict[int, list[memoryview]] = {number: [] for number in DATA}
    for number, wire_type, value in fields(message, budget):
        if number in LEGACY_SIDES:
            legacy[number] = whole(wire_type, value)
        elif number == SHAPE:
            stated = _sides(part(wire_type, value), budget)
        elif number in DATA:
            if not isinstance(value, memoryview):
                raise WireFormatError("the values of an array are whole numbers")
            blocks[number].append(value)  # all of them, or a single one
    shape = tuple(legacy.get(number, 0) for number in LEGACY_SIDES) if legacy else stated
    number = next((number for number in DATA if blocks[number]), 5)
    found = blocks[number][0] if len(blocks[number]) == 1 else b"".join(blocks[number])
    if not found or len(found) != math.prod(shape) * DATA[number].itemsize:
        raise WireFormatError(f"an array of shape {list(shape)} has {len(found):,} bytes of values")
    return np.frombuffer(found, DATA[number]).reshape(shape)


def _sides(message: memoryview, budget: Budget) -> tuple[int, ...]:
    """A BlobShape: dim = 1, in one block or one by one."""
    found: list[int] = []
    for number, wire_type, value in fields(message, budget):
        if number == 1:
            found += _varints(value) if wire_type == BYTES else [whole(wire_type, value)]
    if len(found) > DIMENSIONS or any(side > LONGEST_SIDE for side in found):
        raise WireFormatError("an array has more, or longer, sides than Caffe allows")
    return tuple(found)


def _varints(message: Value) -> list[int]:
    block, found, place = part(BYTES, message), [], 0
    if len(block) > DIMENSIONS * 10:
        raise WireFormatError("an array has more sides than Caffe allows")
    while place < len(block):
        value, place = read_varint(block, place)
        found.append(value)
    return found
