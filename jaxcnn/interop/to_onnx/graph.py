"""An ONNX graph under construction: nodes, weights, and what is known about each tensor."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.export
import numpy as np

from jaxcnn.errors import UsageError

Shape = tuple[Any, ...]  # whole numbers, and symbolic sizes that depend on the batch

CHANNELS_FIRST = (0, 3, 1, 2)  # axes of [batch, height, width, channels] in the order of [batch, channels, …]
BATCH = "batch"  # the symbolic size of the first axis, in the graph's input and output


class Tensor(NamedTuple):
    """An array of the traced program.

    Attributes:
      source: a constant's values, or the name of a tensor in the graph.
      shape: in the traced program.
      held: shape of the source, axes in the program's order: 1 where broadcasting is left to the node that reads it.
      channels_first: whether the source's axes are in the order `CHANNELS_FIRST`, as ONNX's layers have them.
    """

    source: np.ndarray | str
    shape: Shape
    held: Shape
    channels_first: bool = False

    @property
    def constant(self) -> np.ndarray | None:
        """The values, where they are known now and whole."""
        return self.source if isinstance(self.source, np.ndarray) and self.held == self.shape else None


class Node(NamedTuple):
    """A node of the graph, as `onnx.helper.make_node` takes it."""

    op: str
    inputs: tuple[str, ...]
    output: str
    name: str
    attributes: dict[str, Any]


def constant(values: Any) -> Tensor:
    array = np.asarray(values)
    return Tensor(array, array.shape, array.shape)


class Graph:
    """Nodes in the order in which they run.

    Attributes:
      images: the name of its only input, [batch, channels, height, width].
      output: the name of its output, that of the last node.
    """

    def __init__(self, images: str, output: str) -> None:
        self.images = images
        self.output = output
        self.scope = ""  # what the next nodes belong to: "conv1"
        self.nodes: list[Node] = []
        self.weights: dict[str, np.ndarray] = {}
        self._names = {images, ""}
        self._arranged: dict[tuple[str, str], str] = {}  # (tensor, what was done to it) → the result

    def unique(self, name: str) -> str:
        """This name, with a number behind it if it is taken."""
        free, number = name, 1
        while free in self._names:
            free, number = f"{name}_{number}", number + 1
        self._names.add(free)
        return free

    def weight(self, values: np.ndarray, name: str = "constant") -> str:
        """Puts an array into the file; the name of its tensor."""
        free = self.unique("/".join(filter(None, (self.scope, name))))
        self.weights[free] = np.ascontiguousarray(values)
        return free

    def node(self, op: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Adds a node; the name of its only output."""
        free = self.unique(name or "/".join(filter(None, (self.scope, op))))
        self.nodes.append(Node(op, inputs, free, free, attributes))
        return free

    def emit(self, op: str, *inputs: str, shape: Shape, channels_first: bool = False, **attributes: Any) -> Tensor:
        """Adds a node whose output is a whole array of the traced program."""
        return Tensor(self.node(op, *inputs, **attributes), shape, shape, channels_first)

    def read(self, tensor: Tensor, *, channels_first: bool = False, whole: bool = True) -> str:
        """The name of a tensor with its axes in this order.

        Args:
          tensor: an array of the traced program.
          channels_first: whether its axes are to be in the order `CHANNELS_FIRST`; of four axes alone.
          whole: whether it must have its full shape, or may be left to ONNX's broadcasting.
        """
        if whole and tensor.held != tensor.shape:
            tensor = self._broadcast(tensor)
        if isinstance(tensor.source, np.ndarray):
            return self.weight(tensor.source.transpose(CHANNELS_FIRST) if channels_first else tensor.source)
        if tensor.channels_first == channels_first:
            return tensor.source
        order = CHANNELS_FIRST if channels_first else tuple(np.argsort(CHANNELS_FIRST))
        return self.transposed(tensor.source, order)

    def transposed(self, name: str, order: Sequence[int] | np.ndarray) -> str:
        """A tensor with its axes in another order, by a node that is made once."""
        order = [int(axis) for axis in order]
        key = (name, str(order))
        if key not in self._arranged:
            self._arranged[key] = self.node("Transpose", name, perm=order)
        return self._arranged[key]

    def _broadcast(self, tensor: Tensor) -> Tensor:
        rank_four = tensor.channels_first
        shape = tuple(tensor.shape[axis] for axis in CHANNELS_FIRST) if rank_four else tensor.shape
        source = self.read(tensor, channels_first=rank_four, whole=False)
        return tensor._replace(source=self.node("Expand", source, self.sizes(shape)), held=tensor.shape)

    def sizes(self, shape: Shape) -> str:
        """A tensor with this shape's sizes, int64; those that depend on the batch are computed when the graph runs."""
        if all(isinstance(size, int) for size in shape):
            return self.weight(np.array(shape, np.int64), "sizes")
        parts = [
            self.weight(np.array([size], np.int64), "size") if isinstance(size, int) else self.times_batch(size)
            for size in shape
        ]
        return self.node("Concat", *parts, axis=0)

    def times_batch(self, size: Any) -> str:
        """A tensor with a size that depends on the batch, int64 [1]."""
        count = self.node("Shape", self.images, start=0, end=1)
        factor = per_image(size)
        return count if factor == 1 else self.node("Mul", count, self.weight(np.array([factor], np.int64), "factor"))


def per_image(size: Any) -> int:
    """How many times the batch a symbolic size is. Raises UsageError where it depends on the batch in another way.

    >>> batch, = jax.export.symbolic_shape("batch")
    >>> per_image(3 * batch)
    3
    """
    factor, rest = divmod(size, _symbol(size))
    if not isinstance(factor, int) or rest != 0:
        raise UsageError(f"a size in this network is {size}; ONNX export takes multiples of the batch alone.")
    return factor


def _symbol(size: Any) -> Any:
    """The batch itself, as a symbolic size in the scope of this one."""
    (symbol,) = jax.export.symbolic_shape(BATCH, scope=size.scope)
    return symbol


def reshape_sizes(shape: Shape) -> list[int] | None:
    """The sizes that Reshape takes, with −1 for the one that depends on the batch; None where several do.

    >>> reshape_sizes((2, 3))
    [2, 3]
    """
    symbolic = [size for size in shape if not isinstance(size, int)]
    if len(symbolic) > 1 or (symbolic and 0 in shape):
        return None
    return [size if isinstance(size, int) else -1 for size in shape]


def concrete(shape: Shape) -> bool:
    """Whether no size depends on the batch."""
    return all(isinstance(size, int) for size in shape)
