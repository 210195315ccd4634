"""Ranges of fields: the annotation of a field states its allowed values, which are checked when an object is made.

    rate: Positive                                   # a float above 0
    sizes: Annotated[tuple[Count, ...], NOT_EMPTY]   # one or more positive whole numbers

The command line, rehearsals and Python programs therefore share the same checks and messages.
"""

import dataclasses
import functools
import math
import numbers
import sys
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np

from jaxcnn.errors import UsageError


class RangeError(UsageError, ValueError):
    """A value outside the range of its field: a UsageError for the command line, a ValueError for Python."""


@dataclasses.dataclass(frozen=True)
class Range:
    """The finite numbers from `low` to `high`, each limit included unless it is open."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below and _is_finite(value)

    def __str__(self) -> str:
        if self.high == math.inf and self.low == 0:
            return "positive" if self.low_open else "0 or positive"
        if self.high == math.inf:
            return "positive" if self.low == 1 else f"{'above' if self.low_open else 'at least'} {self.low:g}"
        low = f"above {self.low:g}" if self.low_open else f"at least {self.low:g}"
        high = f"below {self.high:g}" if self.high_open else f"at most {self.high:g}"
        return f"{low} and {high}"


@dataclasses.dataclass(frozen=True)
class NotEmpty:
    """Tuples with at least one value."""

    def __contains__(self, value: tuple) -> bool:
        return len(value) > 0

    def __str__(self) -> str:
        return "a tuple with one or more values"


@dataclasses.dataclass(frozen=True)
class Odd:
    """The odd whole numbers, for sizes of windows with a central pixel."""

    def __contains__(self, value: int) -> bool:
        return value % 2 == 1

    def __str__(self) -> str:
        return "odd"


NOT_EMPTY = NotEmpty()
ODD = Odd()

Count = Annotated[int, Range(1)]  # a positive whole number
OddCount = Annotated[int, Range(1), ODD]
WholeNumber = Annotated[int, Range(0)]  # 0 or a positive whole number
Positive = Annotated[float, Range(0, low_open=True)]
NonNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]  # both limits included
Decay = Annotated[float, Range(0, 1, high_open=True)]  # the factor of an average or a velocity from step to step
DropoutRate = Annotated[float, Range(0, 1, high_open=True)]  # a rate of 1 would divide by zero


def check(node: Any) -> None:
    """Raises RangeError, which names the field, if a field of the dataclass `node` has a value outside its range."""
    for name, declared in declared_fields(type(node)).items():
        value = getattr(node, name, None)
        allowed = violated(value, declared)
        if allowed is not None:
            raise RangeError(f"{name} (={value!r}) must be {allowed}.")


@functools.cache
def declared_fields(kind: type) -> dict[str, Any]:
    """Maps field names to annotations, including their ranges."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def violated(value: Any, declared: Any) -> str | None:
    """Describes what a value of this annotation must be if `value` violates it; None if it doesn't.

    Numbers, strings, booleans, tuples and dataclasses are checked. Any object is accepted for a protocol, and any value
    for `Any`.
    """
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin is Annotated:
        kind, limits = arguments[0], arguments[1:]
        wrong = violated(value, kind)
        if wrong is not None:
            if isinstance(value, tuple):
                return wrong  # the violation of one of its values
            return str(NOT_EMPTY) if NOT_EMPTY in limits else " and ".join((wrong, *map(str, limits)))
        return next((str(limit) for limit in limits if value not in limit), None)
    if origin in (typing.Union, types.UnionType):
        found = [violated(value, option) for option in arguments]
        if None in found:
            return None
        meant = [wrong for wrong, option in zip(found, arguments, strict=True) if _is_meant(value, option)]
        return meant[0] if meant else " or ".join(map(str, found))
    if origin is typing.Literal:
        return None if value in arguments else " or ".join(map(repr, arguments))
    if origin is tuple:
        return _violated_tuple(value, arguments)
    if declared in _KINDS:
        wanted, is_one = _KINDS[declared]
        return None if is_one(value) else wanted
    if isinstance(declared, type) and getattr(declared, "_is_protocol", False):
        return f"a {declared.__name__}" if isinstance(value, _PLAIN) else None
    if isinstance(declared, type) and dataclasses.is_dataclass(declared):
        return None if isinstance(value, declared) else f"a {declared.__name__}"
    return None


def _violated_tuple(value: Any, items: tuple[Any, ...]) -> str | None:
    if not isinstance(value, tuple):
        return "a tuple"
    if items[1:] == (Ellipsis,):
        items = items[:1] * len(value)
    if len(value) != len(items):
        return f"a tuple of {len(items)} values"
    found = next(filter(None, map(violated, value, items)), None)
    suffix = ", each of its values"
    return None if found is None else found.removesuffix(suffix) + suffix  # once, even for nested tuples


def _is_meant(value: Any, declared: Any) -> bool:
    """Whether `value` was probably meant as this member of a union, whether or not it is in range."""
    if typing.get_origin(declared) is Annotated:
        declared = typing.get_args(declared)[0]
    if declared in (int, float):
        return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)
    return typing.get_origin(declared) is tuple and isinstance(value, tuple)


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number of Python or NumPy; booleans aren't."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_)


def _is_finite(value: Any) -> bool:
    return is_whole(value) or (isinstance(value, numbers.Real) and math.isfinite(value))


def _is_float(value: Any) -> bool:
    # A whole number may be larger than any float.
    return not isinstance(value, bool | np.bool_) and _is_finite(value) and abs(value) <= sys.float_info.max


_PLAIN = (int, float, str, tuple, list, dict, type(None))
_KINDS: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    int: ("a whole number", is_whole),
    float: ("a finite number", _is_float),
    bool: ("True or False", lambda value: isinstance(value, bool | np.bool_)),
    str: ("a text", lambda value: isinstance(value, str)),
    type(None): ("None", lambda value: value is None),
}
