"""Which layers read which: the graph of a traced network, whose nodes are the image, the layers, and where arrays meet.

Nodes come in the order of the forward pass, so that a node reads only earlier ones. Whatever works on a single array
(a ReLU, a reshape, option A's slice and zeros) has no node of its own.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from jax.core import ShapedArray
from jax.extend.core import Primitive

from jaxcnn.models.layers.core import ReceptiveField
from jaxcnn.models.layers.shapes import Shape

LAYER = Primitive("layer")  # stands for all that a layer does to its input; traced, never run

IMAGE = -1  # among the rows that a layer reads


@LAYER.def_abstract_eval
def _layer_output(*inputs: Any, index: int, shape: Shape, dtype: Any) -> Any:
    del inputs, index
    return ShapedArray(shape, dtype)


class Node(NamedTuple):
    """A node of the graph.

    Attributes:
      kind: "image", "layer", or the operation by which several arrays become one, such as "add" and "concatenate".
      inputs: the nodes that it reads, by their places.
      shape: height × width × channels, or features, without the batch.
      field: the receptive field of the output, in pixels of the image.
      row: of a layer, the number of its call; None for other nodes.
    """

    kind: str
    inputs: tuple[int, ...]
    shape: Shape
    field: ReceptiveField
    row: int | None = None


def layer_graph(jaxpr: Any, windows: Sequence[ReceptiveField]) -> tuple[Node, ...]:
    """The nodes of a traced network.

    Args:
      jaxpr: of a function whose last argument is the images, [batch, …], and whose result is the network's output. Each
        layer is one `LAYER` in it.
      windows: what one output of each call sees of the call's input.
    """
    images = jaxpr.invars[-1]
    nodes = [Node("image", (), images.aval.shape[1:], ReceptiveField(1, 1))]
    # Array → its node and its receptive field. Arrays that don't depend on the images are absent.
    seen: dict[Any, tuple[int, ReceptiveField]] = {images: (0, nodes[0].field)}
    for equation in jaxpr.eqns:
        sources = [seen[array] for array in equation.invars if not hasattr(array, "val") and array in seen]
        if not sources:
            continue
        place, field = sources[0][0], _widest([source[1] for source in sources])
        read = tuple(dict.fromkeys(source[0] for source in sources))
        name, shape = equation.primitive.name, equation.outvars[0].aval.shape[1:]
        if equation.primitive is LAYER:
            index = equation.params["index"]
            field = _seen_through(windows[index], field)
            nodes.append(Node("layer", read, shape, field, index))
            place = len(nodes) - 1
        elif len(read) > 1:
            nodes.append(Node(name, read, shape, field))
            place = len(nodes) - 1
        elif name == "slice" and equation.params["strides"]:
            # Option-A shortcuts take every second pixel.
            field = ReceptiveField(field.size, field.stride * max(equation.params["strides"]))
        seen |= {array: (place, field) for array in equation.outvars}
    results = {seen[array][0] for array in jaxpr.outvars if not hasattr(array, "val") and array in seen}
    return _without_unread(nodes, results)


def _without_unread(nodes: Sequence[Node], results: set[int]) -> tuple[Node, ...]:
    """The nodes without those junctions that neither a layer nor the network's output depends on.

    A layer that is traced for the first time leaves such behind: what it does inside.
    """
    kept = set(results)
    for place, node in reversed(list(enumerate(nodes))):
        if not is_junction(node) or place in kept:
            kept |= {place, *node.inputs}
    places = {place: number for number, place in enumerate(sorted(kept))}
    return tuple(nodes[place]._replace(inputs=tuple(places[read] for read in nodes[place].inputs)) for place in places)


def _widest(fields: Sequence[ReceptiveField]) -> ReceptiveField:
    return ReceptiveField(max(field.size for field in fields), max(field.stride for field in fields))


def _seen_through(window: ReceptiveField, field: ReceptiveField) -> ReceptiveField:
    """The field of a layer's output, if its input has this field."""
    return ReceptiveField(field.size + (window.size - 1) * field.stride, field.stride * window.stride)


def newest_rows(nodes: Sequence[Node]) -> list[int]:
    """For each node the newest layer that its array depends on: a layer itself; `IMAGE` where there is none."""
    newest: list[int] = []
    for node in nodes:
        newest.append(max((newest[place] for place in node.inputs), default=IMAGE) if node.row is None else node.row)
    return newest


def rows_read(nodes: Sequence[Node]) -> dict[int, tuple[int, ...]]:
    """The layers that each layer reads, by their numbers; `IMAGE` for the image.

    Where a layer reads a sum or a concatenation, those are the layers that meet there. What meets there may itself be
    a sum, as in a ResNet with identity shortcuts: it is named by its newest layer.
    """
    newest = newest_rows(nodes)
    read = {}
    for node in nodes:
        if node.row is not None:
            meet = [nodes[place].inputs if is_junction(nodes[place]) else (place,) for place in node.inputs]
            read[node.row] = tuple(dict.fromkeys(newest[place] for places in meet for place in places))
    return read


def is_junction(node: Node) -> bool:
    """Whether several arrays meet in this node, without a layer of their own."""
    return node.row is None and bool(node.inputs)
