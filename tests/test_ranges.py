"""Annotations that say which values of a field have a meaning."""

import dataclasses
import math
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcnn.errors import UsageError
from jaxcnn.ranges import NOT_EMPTY, Count, Decay, Positive, Range, RangeError, Share, WholeNumber, check, violated


@dataclasses.dataclass(frozen=True)
class Example:
    count: Count = 1
    length: Positive | None = None
    sizes: Annotated[tuple[Count, ...], NOT_EMPTY] = (1,)
    pair: tuple[Count, Share] = (1, 1.0)
    mean: float | tuple[float, ...] = 0.0
    decay: Decay = 0.5
    free: Any = None

    def __post_init__(self) -> None:
        check(self)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"count": 2**62},
        {"length": 1},
        {"length": 1e-300},
        {"sizes": (3, 2)},
        {"pair": (3, 0)},
        {"mean": -1.0},
        {"mean": (1.0, -2)},
        {"decay": 0},
        {"free": math.nan},
    ],
)
def test_a_value_inside_is_taken(values):
    Example(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "count (=0) must be positive."),
        ({"count": -3}, "count (=-3) must be positive."),
        ({"count": 1.5}, "count (=1.5) must be a whole number and positive."),
        ({"count": "4"}, "count (='4') must be a whole number and positive."),
        ({"count": True}, "count (=True) must be a whole number and positive."),
        ({"count": None}, "count (=None) must be a whole number and positive."),
        ({"length": 0.0}, "length (=0.0) must be positive."),
        ({"length": math.inf}, "length (=inf) must be a finite number and positive."),
        ({"length": math.nan}, "length (=nan) must be a finite number and positive."),
        ({"sizes": ()}, "sizes (=()) must be a tuple with one or more values."),
        ({"sizes": (1, 0)}, "sizes (=(1, 0)) must be positive, each of its values."),
        ({"pair": (1, 1.5)}, "pair (=(1, 1.5)) must be at least 0 and at most 1, each of its values."),
        ({"mean": math.nan}, "mean (=nan) must be a finite number."),
        ({"mean": (0.0, math.inf)}, "mean (=(0.0, inf)) must be a finite number, each of its values."),
        ({"mean": "big"}, "mean (='big') must be a finite number or a tuple."),
        ({"sizes": [1]}, "sizes (=[1]) must be a tuple with one or more values."),
        ({"pair": (1,)}, "pair (=(1,)) must be a tuple of 2 values."),
        ({"count": 10**400 - 10**400}, "count (=0) must be positive."),
        ({"length": 10**400}, f"length (={10**400}) must be a finite number and positive."),
        ({"decay": 1.0}, "decay (=1.0) must be at least 0 and below 1."),
    ],
)
def test_a_value_outside_is_refused_in_one_line(values, message):
    with pytest.raises(RangeError) as caught:
        Example(**values)
    assert str(caught.value) == message


def test_the_error_is_a_wrong_value_to_python_and_a_wrong_command_to_the_command_line():
    for kind in (ValueError, UsageError):
        with pytest.raises(kind):
            Example(count=0)


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.booleans(),
    st.floats(),
)
def test_a_range_is_what_its_limits_say(low, high, low_open, high_open, value):
    expected = math.isfinite(value) and low <= value <= high
    expected = expected and not (low_open and value == low) and not (high_open and value == high)
    assert (value in Range(low, high, low_open, high_open)) == expected


@given(st.integers())
def test_whole_numbers(value):
    assert (violated(value, WholeNumber) is None) == (value >= 0)
    assert (violated(value, Count) is None) == (value >= 1)
