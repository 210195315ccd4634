"""Ranges of fields: a field's annotation says which values have a meaning, and making the object checks them.

    rate: Positive                                   # a float above 0
    sizes: Annotated[tuple[Count, ...], NOT_EMPTY]   # one or more positive whole numbers

So a command line, a rehearsal and a Python program meet the same check, with the same message.
"""

import dataclasses
import functools
import math
import numbers
import types
import typing
from typing import Annotated, Any

from jaxcnn.errors import UsageError


class RangeError(UsageError, ValueError):
    """A value lies outside its field's range: a UsageError to the command line, a ValueError to Python."""


@dataclasses.dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`; a limit that is `open` is itself left out."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below and math.isfinite(value)

    def __str__(self) -> str:
        if self.high == math.inf and self.low == -math.inf:
            return "finite"
        if self.high == math.inf and self.low == 0:
            return "positive" if self.low_open else "0 or positive"
        if self.high == math.inf:
            return "positive" if self.low == 1 else f"{'above' if self.low_open else 'at least'} {self.low:g}"
        low = f"above {self.low:g}" if self.low_open else f"at least {self.low:g}"
        high = f"below {self.high:g}" if self.high_open else f"at most {self.high:g}"
        return f"{low} and {high}"


@dataclasses.dataclass(frozen=True)
class NotEmpty:
    """A tuple with at least one value."""

    def __str__(self) -> str:
        return "one or more values"


@dataclasses.dataclass(frozen=True)
class Odd:
    """The odd whole numbers: windows of such a size have a middle."""

    def __str__(self) -> str:
        return "odd"


NOT_EMPTY = NotEmpty()
ODD = Odd()
FINITE = Range()

Count = Annotated[int, Range(1)]  # a positive whole number
OddCount = Annotated[int, Range(1), ODD]
WholeNumber = Annotated[int, Range(0)]  # 0 or a positive whole number
Positive = Annotated[float, Range(0, low_open=True)]
NonNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]  # both limits included
Decay = Annotated[float, Range(0, 1, high_open=True)]  # what is kept of an average or a velocity from step to step
DropoutRate = Annotated[float, Range(0, 1, high_open=True)]  # at 1 nothing would be left, and the rest divided by 0


def check(node: Any) -> None:
    """Raises RangeError, a line that names the field, where a field of the dataclass `node` is outside its range."""
    for name, declared in declared_fields(type(node)).items():
        value = getattr(node, name, None)
        allowed = violated(value, declared)
        if allowed is not None:
            raise RangeError(f"{name} (={value!r}) must be {allowed}.")


@functools.cache
def declared_fields(kind: type) -> dict[str, Any]:
    """Field name → annotation, with the ranges in it."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def violated(value: Any, declared: Any) -> str | None:
    """What a value of this annotation must be, where `value` isn't; None where it is, or no range is declared."""
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin is Annotated:
        kind, limits = arguments[0], arguments[1:]
        for limit in limits:
            if isinstance(limit, Range) and not _is_within(value, kind, limit):
                return f"{'whole and ' if _is_fraction(value, kind) else ''}{limit}"
            if isinstance(limit, NotEmpty) and not value:
                return str(limit)
            if isinstance(limit, Odd) and value % 2 == 0:
                return str(limit)
        return violated(value, kind)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in arguments if _is_of(value, option)]
        return violated(value, options[0]) if options else None  # a wrong type is for others to tell
    if origin is typing.Literal and value not in arguments:
        return " or ".join(map(repr, arguments))
    if origin is tuple:
        return _violated_by_items(value, arguments)
    if declared is bool and not isinstance(value, bool):
        return "True or False"
    if declared is float and isinstance(value, numbers.Real) and not math.isfinite(value):
        return str(FINITE)
    return None


def _violated_by_items(value: Any, arguments: tuple[Any, ...]) -> str | None:
    """`violated` of a tuple, or of a list, which Python programs write for one."""
    if not isinstance(value, tuple | list):
        return "a tuple"
    if arguments[1:] == (Ellipsis,):
        arguments = arguments[:1] * len(value)
    if len(arguments) != len(value):
        return f"{len(arguments)} values"
    wrong = (violated(item, kind) for item, kind in zip(value, arguments, strict=True))
    found = next((allowed for allowed in wrong if allowed is not None), None)
    suffix = ", each of its values"
    return None if found is None else found.removesuffix(suffix) + suffix


def _is_within(value: Any, kind: Any, limit: Range) -> bool:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and not _is_fraction(value, kind) and value in limit


def _is_fraction(value: Any, kind: Any) -> bool:
    """Whether a number isn't whole where whole ones are wanted."""
    return kind is int and not isinstance(value, numbers.Integral)


def _is_of(value: Any, declared: Any) -> bool:
    """Whether `value` is meant as this one of a union's kinds."""
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin is Annotated:
        return _is_of(value, arguments[0])
    if declared in (int, float):
        return isinstance(value, numbers.Real) and not isinstance(value, bool)
    if origin is typing.Literal:
        return value in arguments
    kind = origin or declared
    return isinstance(kind, type) and isinstance(value, kind)
