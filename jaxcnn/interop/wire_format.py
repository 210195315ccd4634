"""Protocol buffers' wire format: the fields of a message as they stand in its bytes, without a schema.

The format is described at https://protobuf.dev/programming-guides/encoding. The reader is strict, and its memory and
time are bounded: a length that reaches beyond its message is refused before anything is read or reserved, and values
of known length are views of the file's bytes.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIXED = {FIXED64: 8, FIXED32: 4}  # bytes
LONGEST_VARINT = 10  # bytes
LONGEST_TEXT = 1000  # bytes


class WireFormatError(ValueError):
    """The bytes are no message; the text says why, without a full stop."""


@dataclasses.dataclass
class Budget:
    """How many fields may still be read of one file: files of weights have few, as their values come in blocks."""

    fields: int = 200_000

    def spend(self) -> None:
        """Counts a field. Raises WireFormatError where there are too many."""
        self.fields -= 1
        if self.fields < 0:
            raise WireFormatError("it has more fields than any file of weights")


Value = int | memoryview  # of a varint; the bytes of any other field


def fields(message: memoryview, budget: Budget) -> Iterator[tuple[int, int, Value]]:
    """The number, wire type and value of each field of a message, in order.

    Args:
      message: its bytes.
      budget: of the file.

    Raises:
      WireFormatError: (while iterating) the bytes are no message.
    """
    place = 0
    while place < len(message):
        budget.spend()
        key, place = read_varint(message, place)
        number, wire_type = key >> 3, key & 7
        if not number:
            raise WireFormatError("a field has the number 0")
        if wire_type == VARINT:
            value, place = read_varint(message, place)
            yield number, wire_type, value
            continue
        if wire_type == BYTES:
            length, place = read_varint(message, place)
        elif wire_type in FIXED:
            length = FIXED[wire_type]
        else:
            raise WireFormatError(f"field {number} has the wire type {wire_type}, which isn't in use")
        if length > len(message) - place:
            there = len(message) - place
            raise WireFormatError(f"field {number} claims {length:,} bytes, of which {there:,} are there")
        yield number, wire_type, message[place : place + length]
        place += length


def read_varint(message: memoryview, place: int) -> tuple[int, int]:
    """An unsigned number of variable length at `place`, and the place behind it.

    >>> read_varint(memoryview(b"\\xac\\x02"), 0)
    (300, 2)
    """
    value = 0
    for position, byte in enumerate(message[place : place + LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return value, place + position + 1
    raise WireFormatError("a number doesn't end")


def whole(wire_type: int, value: Value) -> int:
    """The value of a field of whole numbers. Raises WireFormatError for any other field, as the next three do."""
    if wire_type != VARINT or not isinstance(value, int):
        raise WireFormatError("a field of whole numbers holds something else")
    return value


def fraction(wire_type: int, value: Value) -> float:
    """The value of a field of floating-point numbers: the shortest decimal that float32 rounds to it."""
    if wire_type != FIXED32 or not isinstance(value, memoryview):
        raise WireFormatError("a field of fractions holds something else")
    return float(str(np.frombuffer(value, "<f4")[0]))


def part(wire_type: int, value: Value) -> memoryview:
    """The bytes of a field that is a message, a text or a block of values."""
    if wire_type != BYTES or not isinstance(value, memoryview):
        raise WireFormatError("a field of bytes holds something else")
    return value


def text(wire_type: int, value: Value) -> str:
    """The value of a field of text."""
    found = part(wire_type, value)
    if len(found) > LONGEST_TEXT:
        raise WireFormatError(f"a text has {len(found):,} bytes")
    return bytes(found).decode(errors="replace")
