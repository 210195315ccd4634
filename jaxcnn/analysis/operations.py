"""Floating-point operations of a step, counted in the traced program and therefore equal on every platform.

XLA's own count omits calls of libraries and counts a loop as one iteration.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.extend import core

from jaxcnn.models.kernels.backend import reference_kernels
from jaxcnn.training.program import Program


def step_operations(program: Program) -> int:
    """Floating-point operations of one train step, on all devices together."""
    return count_operations(program.step(None), program.state, program.batch(), *program.resident())


def count_operations(function: Callable, *arguments: Any) -> int:
    """Multiplications and additions of the convolutions and matrix products in one call.

    Args:
      function, arguments: arrays or their shapes; nothing is computed.
    """
    with reference_kernels():
        return _count(jax.make_jaxpr(function)(*arguments).jaxpr)


def _count(jaxpr: core.Jaxpr) -> int:
    total = 0
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name == "dot_general":
            total += _matrix_product(equation)
        elif name == "conv_general_dilated":
            total += _convolution(equation)
        elif name == "cond":
            total += max(_count(branch.jaxpr) for branch in equation.params["branches"])
        else:
            repeated = equation.params["length"] if name == "scan" else 1
            total += repeated * sum(map(_count, _inner(equation.params)))
    return total


def _inner(parameters: dict[str, Any]) -> Iterator[core.Jaxpr]:
    for value in parameters.values():
        if isinstance(value, core.ClosedJaxpr):
            yield value.jaxpr
        elif isinstance(value, core.Jaxpr):
            yield value


def _shape(variable: Any) -> tuple[int, ...]:
    return variable.aval.shape


def _matrix_product(equation: core.JaxprEqn) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = _shape(equation.invars[0])
    return 2 * math.prod(_shape(equation.outvars[0])) * math.prod(left[axis] for axis in contracted)


def _convolution(equation: core.JaxprEqn) -> int:
    """Operations of a convolution, without those on zeros inserted by a dilation, but with those on padding."""
    numbers = equation.params["dimension_numbers"]
    kernel = _shape(equation.invars[1])
    fan_in = math.prod(kernel[axis] for axis in numbers.rhs_spec[1:])
    zeros = math.prod(equation.params["lhs_dilation"])
    return 2 * math.prod(_shape(equation.outvars[0])) * fan_in // zeros
