"""Matrix products and convolutions."""

from typing import Any

import numpy as np

from jaxcnn.errors import UsageError
from jaxcnn.interop.to_onnx.graph import CHANNELS_FIRST, Graph, Tensor

Outputs = list[Tensor]

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def dot_general(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    (left, right), shape = inputs, equation.outvars[0].aval.shape
    (left_sums, right_sums), (left_batch, right_batch) = equation.params["dimension_numbers"]
    names = graph.read(left), graph.read(right)
    last = len(left.shape) - 1
    if not left_batch and len(right.shape) == 2 and tuple(left_sums) == (last,) and tuple(right_sums) == (0,):
        return [graph.emit("MatMul", *names, shape=shape)]
    rows, columns = list(LETTERS[: len(left.shape)]), list(LETTERS[len(left.shape) :][: len(right.shape)])
    for mine, theirs in ((left_sums, right_sums), (left_batch, right_batch)):
        for a, b in zip(mine, theirs, strict=True):
            columns[b] = rows[a]
    own = [rows[i] for i in range(len(rows)) if i not in (*left_sums, *left_batch)]
    own += [columns[i] for i in range(len(columns)) if i not in (*right_sums, *right_batch)]
    result = [rows[i] for i in left_batch] + own
    words = f"{''.join(rows)},{''.join(columns)}->{''.join(result)}"
    return [graph.emit("Einsum", *names, shape=shape, equation=words)]


def convolution(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    (images, kernel), parameters = inputs, equation.params
    layout, padding = parameters["dimension_numbers"], parameters["padding"]
    if any(step != 1 for step in parameters["lhs_dilation"]) or parameters["batch_group_count"] != 1:
        raise UsageError("a transposed convolution isn't known to the ONNX export.")
    if any(side < 0 for sides in padding for side in sides):
        raise UsageError("a convolution with negative padding isn't known to the ONNX export.")
    if kernel.constant is not None:
        weights = graph.weight(kernel.constant.transpose(layout.rhs_spec), "kernel")
    else:
        weights = graph.transposed(graph.read(kernel), layout.rhs_spec)
    if tuple(layout.lhs_spec) == CHANNELS_FIRST:
        source = graph.read(images, channels_first=True)
    else:
        source = graph.transposed(graph.read(images), layout.lhs_spec)
    name = graph.node(
        "Conv",
        *(source, weights),
        kernel_shape=[kernel.shape[axis] for axis in layout.rhs_spec[2:]],
        strides=list(parameters["window_strides"]),
        pads=[before for before, _ in padding] + [after for _, after in padding],
        dilations=list(parameters["rhs_dilation"]),
        group=parameters["feature_group_count"],
    )
    shape = equation.outvars[0].aval.shape
    if tuple(layout.out_spec) == CHANNELS_FIRST:
        return [Tensor(name, shape, shape, channels_first=True)]
    return [Tensor(graph.transposed(name, np.argsort(layout.out_spec)), shape, shape)]


RULES = {"dot_general": dot_general, "conv_general_dilated": convolution}
