"""Equations that treat each value by itself."""

from typing import Any

import numpy as np

from jaxcnn.errors import UsageError
from jaxcnn.interop.to_onnx.graph import Graph, Shape, Tensor

Outputs = list[Tensor]

ONE_TO_ONE = {
    **{"add": "Add", "add_any": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "max": "Max", "min": "Min"},
    **{"pow": "Pow", "neg": "Neg", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "abs": "Abs", "sign": "Sign"},
    **{"tanh": "Tanh", "logistic": "Sigmoid", "erf": "Erf", "floor": "Floor", "ceil": "Ceil"},
    **{"sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan"},
    **{"sinh": "Sinh", "cosh": "Cosh", "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh"},
    **{"eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual"},
}
LOGICAL = {"and": "And", "or": "Or", "xor": "Xor", "not": "Not"}
NEUTRAL = {"add": 0, "sub": 0, "mul": 1, "div": 1}  # as the second operand it changes nothing


def node(graph: Graph, op: str, inputs: list[Tensor], shape: Shape, **attributes: Any) -> Tensor:
    """A node over arrays of one shape, and scalars. Channels come first where they do in any of them."""
    first = any(tensor.channels_first for tensor in inputs)
    names = [graph.read(x, channels_first=first and len(x.shape) == 4, whole=False) for x in inputs]
    held = tuple(stretched([x.held[axis] for x in inputs if x.held]) for axis in range(len(shape)))
    return Tensor(graph.node(op, *names, **attributes), shape, held, first)


def stretched(sizes: list[Any]) -> Any:
    """The size that ONNX's broadcasting makes of these.

    >>> stretched([1, 3, 1])
    3
    """
    return next((size for size in sizes if not isinstance(size, int) or size != 1), 1)


def one_to_one(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    primitive, shape = equation.primitive.name, equation.outvars[0].aval.shape
    if _changes_nothing(primitive, inputs):
        return [inputs[0]]
    if primitive == "max" and _is_zero(inputs[1]):
        return [node(graph, "Relu", inputs[:1], shape)]
    return [node(graph, ONE_TO_ONE[primitive], inputs, shape)]


def _changes_nothing(primitive: str, inputs: Outputs) -> bool:
    neutral, last = NEUTRAL.get(primitive), inputs[-1].source
    if neutral is None or not isinstance(last, np.ndarray) or not np.all(last == neutral):
        return False
    return all(size == 1 for size in inputs[-1].held) or inputs[0].held == inputs[0].shape


def _is_zero(tensor: Tensor) -> bool:
    return isinstance(tensor.source, np.ndarray) and tensor.source.size == 1 and float(tensor.source.ravel()[0]) == 0.0


def logical(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    if equation.outvars[0].aval.dtype != np.bool_:
        raise UsageError(f"{equation.primitive.name!r} of whole numbers isn't known to the ONNX export.")
    return [node(graph, LOGICAL[equation.primitive.name], inputs, equation.outvars[0].aval.shape)]


def scalar(value: float, equation: Any) -> Tensor:
    """A constant of the equation's type."""
    return Tensor(np.array(value, equation.invars[0].aval.dtype), (), ())


def square(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    return [node(graph, "Mul", [inputs[0], inputs[0]], equation.outvars[0].aval.shape)]


def integer_pow(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    exponent = equation.params["y"]
    if exponent == 2:
        return square(graph, inputs, equation)
    return [node(graph, "Pow", [inputs[0], scalar(exponent, equation)], equation.outvars[0].aval.shape)]


def rsqrt(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    shape = equation.outvars[0].aval.shape
    return [node(graph, "Reciprocal", [node(graph, "Sqrt", inputs, shape)], shape)]


def log1p(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    shape = equation.outvars[0].aval.shape
    return [node(graph, "Log", [node(graph, "Add", [inputs[0], scalar(1, equation)], shape)], shape)]


def expm1(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    shape = equation.outvars[0].aval.shape
    return [node(graph, "Sub", [node(graph, "Exp", inputs, shape), scalar(1, equation)], shape)]


def exp2(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    return [node(graph, "Pow", [scalar(2, equation), inputs[0]], equation.outvars[0].aval.shape)]


def erfc(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    shape = equation.outvars[0].aval.shape
    return [node(graph, "Sub", [scalar(1, equation), node(graph, "Erf", inputs, shape)], shape)]


def unequal(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    shape = equation.outvars[0].aval.shape
    return [node(graph, "Not", [node(graph, "Equal", inputs, shape)], shape)]


def select(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    """`select_n` takes its first case where the predicate is false."""
    which, *cases = inputs
    if len(cases) != 2 or equation.invars[0].aval.dtype != np.bool_:
        raise UsageError("a choice among more than two arrays isn't known to the ONNX export.")
    return [node(graph, "Where", [which, cases[1], cases[0]], equation.outvars[0].aval.shape)]


def clamp(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    low, values, high = inputs
    shape = equation.outvars[0].aval.shape
    return [node(graph, "Min", [node(graph, "Max", [values, low], shape), high], shape)]


def cast(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    """ONNX's number of the new type is put in when the file is made."""
    before, after = equation.invars[0].aval.dtype, equation.outvars[0].aval.dtype
    if before == after:
        return inputs
    return [node(graph, "Cast", inputs, equation.outvars[0].aval.shape, to=np.dtype(after))]


RULES = {
    **dict.fromkeys(ONE_TO_ONE, one_to_one),
    **dict.fromkeys(LOGICAL, logical),
    **{"square": square, "integer_pow": integer_pow, "rsqrt": rsqrt, "log1p": log1p, "expm1": expm1},
    **{"exp2": exp2, "erfc": erfc, "ne": unequal, "select_n": select, "clamp": clamp, "convert_element_type": cast},
}
