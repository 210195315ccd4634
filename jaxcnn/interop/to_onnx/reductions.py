"""Sums, maxima and the like: over whole axes, and over windows."""

import math
from typing import Any

import numpy as np

from jaxcnn.errors import UsageError
from jaxcnn.interop.to_onnx.elementwise import node
from jaxcnn.interop.to_onnx.graph import CHANNELS_FIRST, Graph, Tensor
from jaxcnn.interop.to_onnx.shapes import in_order

Outputs = list[Tensor]

REDUCTIONS = {"reduce_max": "ReduceMax", "reduce_min": "ReduceMin", "reduce_prod": "ReduceProd"}
PLACES = {"argmax": "ArgMax", "argmin": "ArgMin"}


def readable_order(tensor: Tensor, axes: Any) -> bool:
    """Whether a reduction may read channels first: where what it leaves has the program's order all the same."""
    left = [axis for axis in CHANNELS_FIRST if axis not in axes]
    return tensor.channels_first and left == sorted(left)


def reduce_sum(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    (tensor,), axes = inputs, equation.params["axes"]
    first = readable_order(tensor, axes)
    over = graph.weight(np.array(in_order(axes, first), np.int64), "axes")
    name = graph.read(tensor, channels_first=first)
    return [graph.emit("ReduceSum", name, over, shape=equation.outvars[0].aval.shape, keepdims=0)]


def reduce(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    (tensor,), axes = inputs, equation.params["axes"]
    first = readable_order(tensor, axes)
    name, shape = graph.read(tensor, channels_first=first), equation.outvars[0].aval.shape
    op = REDUCTIONS[equation.primitive.name]
    return [graph.emit(op, name, shape=shape, axes=in_order(axes, first), keepdims=0)]


def place(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    (tensor,), (axis,), output = inputs, equation.params["axes"], equation.outvars[0].aval
    found = graph.emit(
        PLACES[equation.primitive.name], graph.read(tensor), shape=output.shape, axis=int(axis), keepdims=0
    )
    return [node(graph, "Cast", [found], output.shape, to=np.dtype(output.dtype))]


def _window(equation: Any) -> dict[str, Any]:
    """The attributes of a pooling node. Raises UsageError for a window over the batch or the channels."""
    parameters = equation.params
    sizes, padding = parameters["window_dimensions"], parameters["padding"]
    dilated = (*parameters["base_dilation"], *parameters["window_dilation"])
    others = [axis for axis in (0, 3) if len(sizes) != 4 or sizes[axis] != 1 or any(padding[axis])]
    if others or any(step != 1 for step in dilated):
        raise UsageError("a window over other axes than height and width isn't known to the ONNX export.")
    if any(side >= sizes[axis] for axis in (1, 2) for side in padding[axis]):
        raise UsageError("pooling whose padding is as large as its window isn't known to the ONNX export.")
    return {
        "kernel_shape": list(sizes[1:3]),
        "strides": list(parameters["window_strides"][1:3]),
        "pads": [padding[axis][side] for side in (0, 1) for axis in (1, 2)],
    }


def window_max(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    name, shape = graph.read(inputs[0], channels_first=True), equation.outvars[0].aval.shape
    return [graph.emit("MaxPool", name, shape=shape, channels_first=True, **_window(equation))]


def window_sum(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    """The mean of each window, times its size."""
    attributes, shape = _window(equation), equation.outvars[0].aval.shape
    name = graph.read(inputs[0], channels_first=True)
    mean = graph.emit("AveragePool", name, shape=shape, channels_first=True, count_include_pad=1, **attributes)
    count = np.array(math.prod(attributes["kernel_shape"]), equation.outvars[0].aval.dtype)
    return [node(graph, "Mul", [mean, Tensor(count, (), ())], shape)]


RULES = {
    "reduce_sum": reduce_sum,
    **dict.fromkeys(REDUCTIONS, reduce),
    **dict.fromkeys(PLACES, place),
    "reduce_window_max": window_max,
    "reduce_window_sum": window_sum,
}
