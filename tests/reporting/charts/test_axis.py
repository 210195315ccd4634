"""Where values lie on an axis, and which are marked."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcnn.reporting.charts.axis import Axis, plain


@pytest.mark.parametrize("log", [False, True])
def test_values_lie_within_and_in_their_order(log):
    values = [0.003, 0.02, 0.7, 12.0]
    shares = [Axis.of(values, log=log).share(value) for value in values]
    assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] <= 1


def test_a_logarithmic_axis_has_equal_ratios_at_equal_distances():
    axis = Axis.of([1.0, 100.0])
    assert axis.log
    np.testing.assert_allclose(axis.share(10) - axis.share(1), axis.share(100) - axis.share(10))


@pytest.mark.parametrize("values", [[1.0, 2.0], [0.0, 1000.0], [-5.0, 500.0], [], [3.0], [0.0, 0.0]])
def test_what_is_not_positive_or_near_is_linear(values):
    axis = Axis.of(values)
    assert not axis.log and axis.low < axis.high and axis.marks()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5))
def test_marks_are_few_round_and_within(values):
    axis = Axis.of(values)
    marks = axis.marks()
    assert marks == sorted(marks) and len(marks) <= 16
    assert all(axis.low - 1e-6 * abs(axis.low) <= mark <= axis.high + 1e-6 * abs(axis.high) for mark in marks)


def test_zero_is_at_the_bottom_where_areas_stand_on_it():
    assert Axis.of([3.0, 5.0], zero=True).share(0.0) == 0


def test_numbers_are_short():
    assert [plain(value) for value in (0, 0.1, 1.5e-7, 12345.678, 2e12)] == ["0", "0.1", "1.5e-07", "12,350", "2e+12"]
    assert math.isclose(float(plain(0.000123456)), 0.0001235)
