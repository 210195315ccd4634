"""The layers of a network with their shapes and counts, from the network itself and without allocating memory.

The model is traced once. Each call of a layer becomes one equation of the traced program. `jaxcnn.runs.layer_graph`
follows the images through the equations, so that branches, sums and concatenations are correct.
"""

import dataclasses
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxcnn.config.experiment import Experiment
from jaxcnn.models.kernels.backend import reference_kernels
from jaxcnn.models.layers.core import Layer, ReceptiveField
from jaxcnn.models.layers.shapes import Shape
from jaxcnn.runs.layer_graph import LAYER, Node, layer_graph, rows_read
from jaxcnn.runs.resolve import check_network

# Cache: a layer's fields and inputs → shape and type of its output, number of parameters. Networks repeat many layers.
KNOWN: dict[Any, tuple[Shape, Any, int]] = {}


class Call(NamedTuple):
    """A call of a layer, with its shapes."""

    layer: Layer
    inputs: Shape  # of the first, where it takes several arrays
    outputs: Shape
    params: int


@dataclasses.dataclass(frozen=True)
class Row:
    """One layer. Shapes are height × width × channels, or features, without the batch.

    `inputs` are the rows that it reads, and −1 the image; where it reads a sum, those whose outputs are added. See
    `jaxcnn.runs.layer_graph.rows_read`.
    """

    name: str
    kind: str
    output_shape: Shape
    params: int
    macs: int
    receptive_field: int  # pixels, padding not cut off
    connections: int | None
    inputs: tuple[int, ...]
    window: ReceptiveField  # of one output in the layer's own input, and its step
    groups: int  # into which the channels are divided; a group sees only its own


@dataclasses.dataclass(frozen=True)
class LayerTable:
    """All layers in the order of the forward pass; auxiliary heads among them, at the place where they branch off."""

    rows: tuple[Row, ...]
    nodes: tuple[Node, ...]  # the graph: the image, the rows, and where arrays meet

    @property
    def total_params(self) -> int:
        """Trainable parameters, auxiliary heads included."""
        return sum(row.params for row in self.rows)

    @property
    def auxiliary_params(self) -> int:
        return sum(row.params for row in self.rows if is_auxiliary(row.name))

    @property
    def total_macs(self) -> int:
        """At inference: auxiliary heads left out."""
        return sum(row.macs for row in self.rows if not is_auxiliary(row.name))

    @property
    def total_connections(self) -> int:
        return sum(row.connections or 0 for row in self.rows)


def is_auxiliary(name: str) -> bool:
    """Whether a layer belongs to a head that exists only for training."""
    return name.startswith("aux")


def layer_table(experiment: Experiment) -> LayerTable:
    """The layers of the experiment's network for its own input shape.

    Raises:
      UsageError: the network doesn't fit the input; see `check_network`.
    """
    inputs = experiment.inputs
    try:
        return model_table(experiment.model, (inputs.size, inputs.size, inputs.channels))
    except ValueError:
        check_network(experiment, experiment.id)
        raise


def model_table(model: nn.Module, input_shape: Shape) -> LayerTable:
    """The layers of a network for images of this shape, height × width × channels."""
    images = jax.ShapeDtypeStruct((1, *input_shape), jnp.float32)
    calls: list[Call] = []
    counted: set[tuple[str, ...]] = set()  # paths of the layers whose parameters stand in a row

    def name_calls(call, arguments, keywords, context):
        module = context.module
        if not isinstance(module, Layer) or context.method_name != "__call__":
            return call(*arguments, **keywords)
        inputs = tuple((array.shape, array.dtype) for array in arguments)
        key = (type(module), _fields(module), inputs, tuple(keywords.items()))
        if key not in KNOWN:
            output = call(*arguments, **keywords)
            params = jax.tree.leaves(module.variables.get("params", {}))
            KNOWN[key] = (output.shape, output.dtype, sum(leaf.size for leaf in params))
        shape, dtype, count = KNOWN[key]
        calls.append(Call(module, arguments[0].shape, shape, 0 if module.path in counted else count))
        counted.add(module.path)
        return LAYER.bind(*arguments, index=len(calls) - 1, shape=shape, dtype=dtype)

    def init(images):
        with nn.intercept_methods(name_calls), reference_kernels():  # quicker to trace than those for CPU
            return model.init_with_output(jax.random.key(0), images, train=False)[0]  # auxiliary heads run here too

    jaxpr = jax.make_jaxpr(init)(images).jaxpr
    nodes = layer_graph(jaxpr, [call.layer.window(call.inputs) for call in calls])
    return LayerTable(_rows(calls, nodes), nodes)


def _rows(calls: list[Call], nodes: tuple[Node, ...]) -> tuple[Row, ...]:
    """A row for each call."""
    fields = {node.row: node.field for node in nodes}
    read = rows_read(nodes)
    return tuple(
        Row(
            name=".".join(layer.path),
            kind=layer.kind,
            output_shape=outputs[1:],
            params=params,
            macs=layer.macs(inputs, outputs),
            receptive_field=fields[index].size,
            connections=layer.connections(inputs, outputs),
            inputs=read[index],
            window=layer.window(inputs),
            groups=getattr(layer, "groups", 1),
        )
        for index, (layer, inputs, outputs, params) in enumerate(calls)
    )


def _fields(layer: Layer) -> tuple[Any, ...]:
    """The values of a layer's own fields."""
    names = [field.name for field in dataclasses.fields(layer) if field.name not in ("parent", "name")]
    return tuple(getattr(layer, name) for name in names)
