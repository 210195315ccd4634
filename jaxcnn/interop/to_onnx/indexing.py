"""Indexing at places that are known when the graph is made: x[:, 2], x[:, ::2, ::2], x[..., (2, 1, 0)].

With a batch of symbolic size, JAX traces all of these into its general `gather`.
"""

from typing import Any

import numpy as np

from jaxcnn.errors import UsageError
from jaxcnn.interop.to_onnx.graph import Graph, Shape, Tensor
from jaxcnn.interop.to_onnx.shapes import cut, in_order, reshaped

Outputs = list[Tensor]

UNKNOWN = "indexing by an array isn't known to the ONNX export, except at fixed places along whole axes."


def gather(graph: Graph, inputs: Outputs, equation: Any) -> Outputs:
    tensor, places = inputs
    numbers, sizes = equation.params["dimension_numbers"], equation.params["slice_sizes"]
    axes, shape = numbers.start_index_map, equation.outvars[0].aval.shape
    whole = all(size == tensor.shape[axis] for axis, size in enumerate(sizes) if axis not in axes)
    if places.constant is None or numbers.operand_batching_dims or not whole:
        raise UsageError(UNKNOWN)
    starts = places.constant.astype(np.int64)
    last = np.array([tensor.shape[axis] - sizes[axis] for axis in axes])
    if (starts < 0).any() or (starts > last).any():
        raise UsageError(UNKNOWN)
    if starts.ndim == 1:
        return [_one_part(graph, tensor, dict(zip(axes, starts.tolist(), strict=True)), sizes, shape)]
    in_place = tuple(axis for axis in range(len(shape)) if axis not in axes)
    ordered = tuple(axes) == tuple(sorted(axes)) == numbers.collapsed_slice_dims
    of_one = ordered and all(sizes[axis] == 1 for axis in axes)
    if starts.ndim - 1 != len(axes) or numbers.offset_dims != in_place or not of_one:
        raise UsageError(UNKNOWN)
    for number, axis in enumerate(axes):
        tensor = _along(graph, tensor, axis, _line(starts[..., number], number))
    return [tensor]


def _one_part(graph: Graph, tensor: Tensor, starts: dict[int, int], sizes: Shape, shape: Shape) -> Tensor:
    """A window at one place; axes that are indexed by a number are dropped."""
    parts = {axis: start for axis, start in starts.items() if sizes[axis] != tensor.shape[axis]}
    cuts = {axis: (start, start + sizes[axis], 1) for axis, start in parts.items()}
    window = tuple(sizes[axis] if axis in starts else size for axis, size in enumerate(tensor.shape))
    return reshaped(graph, cut(graph, tensor, cuts, window), shape)


def _line(grid: np.ndarray, axis: int) -> list[int]:
    """The places along one axis of a grid. Raises UsageError where they differ from line to line."""
    lines = np.moveaxis(grid, axis, -1).reshape(-1, grid.shape[axis])
    if (lines != lines[:1]).any():
        raise UsageError(UNKNOWN)
    return lines[0].tolist()


def _along(graph: Graph, tensor: Tensor, axis: int, places: list[int]) -> Tensor:
    """The values at these places of an axis, in their order."""
    shape = (*tensor.shape[:axis], len(places), *tensor.shape[axis + 1 :])
    step = places[1] - places[0] if len(places) > 1 else 1
    if step and places == list(range(places[0], places[0] + step * len(places), step)):
        end = places[-1] + (1 if step > 0 else -1)
        return cut(graph, tensor, {axis: (places[0], end if end >= 0 else -(2**31), step)}, shape)
    first = tensor.channels_first
    names = graph.read(tensor, channels_first=first), graph.weight(np.array(places, np.int64), "places")
    (at,) = in_order([axis], first)
    return graph.emit("Gather", *names, shape=shape, channels_first=first, axis=at)


RULES = {"gather": gather}
