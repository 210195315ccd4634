"""What a network is made of, layer by layer, counted from the network itself and without allocating it.

The model is traced once. Each layer's call becomes one named equation of the traced program, and the receptive
field of every array is followed through the equations, so branches, sums and concatenations come out right
whatever the layers are made of inside.
"""

import dataclasses
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxcnn.experiment import Experiment
from jaxcnn.models.layers import Layer, Shape, Window

PREFIX = "layer "


@dataclasses.dataclass(frozen=True)
class Row:
    """One layer. Shapes are height × width × channels, or features, without the batch."""

    name: str
    kind: str
    output_shape: Shape
    params: int
    macs: int
    receptive_field: int  # pixels, padding not cut off
    connections: int | None


@dataclasses.dataclass(frozen=True)
class LayerTable:
    """All layers in the order of the forward pass; auxiliary heads among them, at the place where they branch off."""

    rows: tuple[Row, ...]

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
    """The layers of the experiment's network for its own input."""
    inputs = experiment.inputs
    return model_table(experiment.model, (inputs.size, inputs.size, inputs.channels))


def model_table(model: nn.Module, input_shape: Shape) -> LayerTable:
    """The layers of a network for pictures of this shape, height × width × channels."""
    images = jax.ShapeDtypeStruct((1, *input_shape), jnp.float32)
    calls: list[tuple[Layer, Shape, Shape]] = []

    def name_calls(call, arguments, keywords, context):
        module = context.module
        output = call(*arguments, **keywords)
        if not isinstance(module, Layer) or context.method_name != "__call__":
            return output
        shape, dtype = output.shape, output.dtype

        def named(array):
            del array
            return jnp.zeros(shape, dtype)

        # One equation from the layer's input to something of its output's shape stands for all that it does.
        named.__name__ = f"{PREFIX}{len(calls)}"
        calls.append((module, arguments[0].shape, shape))
        return jax.jit(named)(arguments[0])

    def init(images):
        with nn.intercept_methods(name_calls):
            return model.init(jax.random.key(0), images, train=False)  # auxiliary heads run here too

    traced, variables = jax.make_jaxpr(init, return_shape=True)(images)
    fields = _receptive_fields(traced.jaxpr, calls)
    rows = []
    for index, (module, before, after) in enumerate(calls):
        params: Any = variables["params"]
        for part in module.path:
            params = params.get(part, {})
        rows.append(
            Row(
                name=".".join(module.path),
                kind=module.kind,
                output_shape=after[1:],
                params=sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params)),
                macs=module.macs(before, after),
                receptive_field=fields[index],
                connections=module.connections(before, after),
            )
        )
    return LayerTable(tuple(rows))


def _receptive_fields(jaxpr: Any, calls: list[tuple[Layer, Shape, Shape]]) -> dict[int, int]:
    """Layer number → size in input pixels of what one of its outputs sees."""
    seen: dict[Any, Window] = {}  # array → what one of its places sees; arrays off the pictures' path are absent
    fields = {}
    seen[jaxpr.invars[-1]] = Window(1, 1)
    for equation in jaxpr.eqns:
        sources = [seen[array] for array in equation.invars if not hasattr(array, "val") and array in seen]
        if not sources:
            continue
        field = Window(max(source.size for source in sources), max(source.stride for source in sources))
        name = str(equation.params.get("name", ""))
        if name.startswith(PREFIX):
            index = int(name.removeprefix(PREFIX))
            module, before, _ = calls[index]
            window = module.window(before)
            field = Window(field.size + (window.size - 1) * field.stride, field.stride * window.stride)
            fields[index] = field.size
        elif equation.primitive.name == "slice" and equation.params["strides"]:
            # Option-A shortcuts take every second pixel.
            field = Window(field.size, field.stride * max(equation.params["strides"]))
        for array in equation.outvars:
            seen[array] = field
    return fields
