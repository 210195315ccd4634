"""Equations that move values and compute nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcnn.errors import UsageError
from jaxcnn.interop.to_onnx.graph import CHANNELS_FIRST, Graph, Shape, Tensor, reshape_sizes

Outputs = list[Tensor]

BATCH_SIZE = "dim_as_value"  # the primitive that gives a symbolic size as a value


def in_order(axes: Sequence[int], channels_first: bool) -> list[int]:
    """Where these axes of the traced program are in a tensor of the graph.

    >>> in_order((0, 3), channels_first=True)
    [0, 1]
    """
    return [CHANNELS_FIRST.index(axis) if channels_first else int(axis) for axis in axes]


def reshaped(graph: Graph, tensor: Tensor, shape: Shape) -> Tensor:
    """The same values, in the program's order, in another shape."""
    if tensor.shape == shape:
        return tensor
    sizes = reshape_sizes(shape)
    wanted = graph.sizes(shape) if sizes is None else graph.weight(np.array(sizes, np.int64), "sizes")
    return graph.emit("Reshape", graph.read(tensor), wanted, shape=shape)


def reshape(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    if equation.params.get("dimensions") is not None:
        raise UsageError("a reshape with an order of its own isn't known to the ONNX export.")
    return [reshaped(graph, inputs[0], equation.outvars[0].aval.shape)]


def transpose(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    order, shape = equation.params["permutation"], equation.outvars[0].aval.shape
    return [Tensor(graph.transposed(graph.read(inputs[0]), order), shape, shape)]


def broadcast(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    """Axes are added here; that their size grows is left to the nodes that read the result."""
    (tensor, *_), shape = inputs, equation.outvars[0].aval.shape
    places = equation.params["broadcast_dimensions"]
    held: list[Any] = [1] * len(shape)
    for axis, place in enumerate(places):
        held[place] = tensor.held[axis]
    if tuple(places) == tuple(range(len(shape))):
        return [tensor._replace(shape=shape)]
    if isinstance(tensor.source, np.ndarray):
        return [Tensor(tensor.source.reshape(held), shape, tuple(held))]
    # As the program has it, but without what is left to broadcasting.
    plain = tensor._replace(shape=tensor.held)
    return [reshaped(graph, plain, tuple(held))._replace(shape=shape)]


def concatenate(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    shape, dimension = equation.outvars[0].aval.shape, equation.params["dimension"]
    inputs = [tensor for tensor in inputs if tensor.shape[dimension] != 0]
    if len(inputs) == 1:
        return inputs
    first = any(tensor.channels_first for tensor in inputs)
    (axis,) = in_order([dimension], first)
    names = [graph.read(tensor, channels_first=first) for tensor in inputs]
    return [graph.emit("Concat", *names, shape=shape, channels_first=first, axis=axis)]


def stack(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    shape, axis = equation.outvars[0].aval.shape, equation.params["axis"]
    one = (*shape[:axis], 1, *shape[axis + 1 :])
    names = [graph.read(reshaped(graph, tensor, one)) for tensor in inputs]
    return [graph.emit("Concat", *names, shape=shape, axis=axis)]


def pad(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    (tensor, filling), padding = inputs, equation.params["padding_config"]
    if any(between for _, _, between in padding):
        raise UsageError("padding between values isn't known to the ONNX export.")
    if not any(side for sides in padding for side in sides):
        return [tensor]
    first = tensor.channels_first
    order = CHANNELS_FIRST if first else range(len(padding))
    pads = [padding[axis][end] for end in (0, 1) for axis in order]
    names = graph.read(tensor, channels_first=first), graph.weight(np.array(pads, np.int64), "pads")
    shape = equation.outvars[0].aval.shape
    return [graph.emit("Pad", *names, graph.read(filling), shape=shape, channels_first=first)]


def cut(graph: Graph, tensor: Tensor, cuts: dict[int, tuple[int, int, int]], shape: Shape) -> Tensor:
    """A part of an array.

    Args:
      graph: gets a node.
      tensor: the array.
      cuts: axis → start, end, step, as ONNX has them. Other axes stay whole.
      shape: of the result.
    """
    if not cuts:
        return tensor
    first = tensor.channels_first
    starts, ends, steps = zip(*cuts.values(), strict=True)
    columns = {"starts": starts, "ends": ends, "axes": in_order(list(cuts), first), "steps": steps}
    weights = [graph.weight(np.array(values, np.int64), name) for name, values in columns.items()]
    return graph.emit("Slice", graph.read(tensor, channels_first=first), *weights, shape=shape, channels_first=first)


def slice_(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    (tensor,), parameters, rank = inputs, equation.params, len(inputs[0].shape)
    cuts = {}
    columns = (parameters["start_indices"], parameters["limit_indices"], parameters["strides"] or (1,) * rank)
    for axis, (start, end, step) in enumerate(zip(*columns, strict=True)):
        if start == 0 and end == tensor.shape[axis] and step == 1:
            continue
        if not all(isinstance(value, int) for value in (start, end, step)):
            raise UsageError("a part of the batch isn't known to the ONNX export.")
        cuts[axis] = start, end, step
    return [cut(graph, tensor, cuts, equation.outvars[0].aval.shape)]


def dynamic_slice(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    tensor, *starts = inputs
    shape, cuts = equation.outvars[0].aval.shape, {}
    for axis, (start, size) in enumerate(zip(starts, shape, strict=True)):
        if size == tensor.shape[axis]:
            continue
        if start.constant is None or not isinstance(tensor.shape[axis], int):
            raise UsageError("a part whose place depends on the image isn't known to the ONNX export.")
        place = min(max(int(start.constant), 0), tensor.shape[axis] - size)
        cuts[axis] = place, place + size, 1
    return [cut(graph, tensor, cuts, shape)]


def reverse(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    (tensor,), farthest = inputs, -(2**31)
    return [cut(graph, tensor, {axis: (-1, farthest, -1) for axis in equation.params["dimensions"]}, tensor.shape)]


def split(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    (tensor,), axis, parts, start = inputs, equation.params["axis"], [], 0
    for size, output in zip(map(int, equation.params["sizes"]), equation.outvars, strict=True):
        parts.append(cut(graph, tensor, {axis: (start, start + size, 1)}, output.aval.shape))
        start += size
    return parts


def batch_size(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    """A symbolic size as a number."""
    del inputs
    scalar = graph.node("Squeeze", graph.times_batch(equation.params["dim"]))
    return [graph.emit("Cast", scalar, shape=(), to=np.dtype(equation.outvars[0].aval.dtype))]


RULES = {
    **{"reshape": reshape, "squeeze": reshape, "expand_dims": reshape, "transpose": transpose},
    **{"broadcast_in_dim": broadcast, "concatenate": concatenate, "stack": stack, "pad": pad, "slice": slice_},
    **{"dynamic_slice": dynamic_slice, "rev": reverse, "split": split, BATCH_SIZE: batch_size},
}
