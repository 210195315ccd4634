"""The layers of a network and how they are connected, found by tracing it once without computing anything.

What a layer takes is a *stage*: the maps after a layer and after what follows it without being a layer, such as a ReLU
or the sum with a shortcut. So a stage holds the values as the network goes on to use them.
"""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxcnn.errors import UsageError
from jaxcnn.inspection.network.boxes import Fields, merged, through
from jaxcnn.models.kernels.backend import reference_kernels
from jaxcnn.models.layers.core import Dropout, Layer
from jaxcnn.models.layers.shapes import Shape
from jaxcnn.runs.layer_table import LAYER


def is_call_of_layer(context: Any) -> bool:
    """Whether an intercepted call is that of a layer. Dropout is none here: it does nothing outside of training."""
    module = context.module
    return isinstance(module, Layer) and not isinstance(module, Dropout) and context.method_name == "__call__"


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
    """What one or several layers take, or the network's outputs.

    Attributes:
        name: of the layer that it comes from, "conv1"; of the block, where it is the sum with a shortcut.
        kind: of that layer, "conv"; "sum" for a sum.
        shape: height × width × channels, or the number of values.
        readers: (number of the call, place of the argument) of the layers that take it; empty for the outputs.
        fields: what its units see of the image.
        goes_through_batch_norm: whether the next layer is batch normalisation, so that these aren't yet the values
            that the network goes on with.
        path: of the layer, its blocks first.
    """

    name: str
    kind: str
    shape: Shape
    readers: tuple[tuple[int, int], ...]
    fields: Fields
    goes_through_batch_norm: bool
    path: tuple[str, ...]

    @property
    def is_map(self) -> bool:
        """Whether it has a height and a width of more than one unit."""
        return len(self.shape) == 3 and max(self.shape[:2]) > 1


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """A network's layers in the order of their calls, and its stages in the order in which they are made.

    Attributes:
        layers: the layers, unbound: their fields alone.
        paths: of the layers in the network.
        stages: without the image; the last are the outputs.
        inputs: for each layer, the stages that it takes; None stands for the image.
        outputs: for each layer, the shape of what it gives, without the batch.
    """

    layers: tuple[Layer, ...]
    paths: tuple[tuple[str, ...], ...]
    stages: tuple[Stage, ...]
    inputs: tuple[tuple[Stage | None, ...], ...]
    outputs: tuple[Shape, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the layers, as `describe` shows them."""
        return tuple(".".join(path) for path in self.paths)

    def stage(self, name: str) -> Stage:
        """The last stage of this name. Raises UsageError where there is none."""
        found = [stage for stage in self.stages if stage.name == name]
        if not found:
            raise UsageError(f"there is no layer {name!r}; there are {', '.join(s.name for s in self.stages)}.")
        return found[-1]


@dataclasses.dataclass
class _Origin:
    """Where an array of the traced program comes from."""

    name: str
    kind: str
    path: tuple[str, ...]
    order: int  # number of the call
    fields: Fields


def graph_of(model: nn.Module, variables: Any, input_shape: Shape) -> Graph:
    """Takes a network apart.

    Args:
      model: the network.
      variables: its {"params", "batch_stats"}, or their shapes.
      input_shape: height × width × channels.

    Raises:
      UsageError: it isn't built of the layers in `jaxcnn.models.layers`.
    """
    calls: list[tuple[Layer, tuple[str, ...], Shape]] = []

    def bind(call: Callable, args: Any, kwargs: Any, context: Any) -> Any:
        if not is_call_of_layer(context):
            return call(*args, **kwargs)
        output = jax.eval_shape(lambda *arrays: call(*arrays, **kwargs), *args)
        calls.append((context.module.clone(parent=None), context.module.path, output.shape))
        return LAYER.bind(*args, index=len(calls) - 1, shape=output.shape, dtype=output.dtype)

    def apply(images: jax.Array) -> Any:
        with nn.intercept_methods(bind), reference_kernels():
            zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), variables)
            return model.apply(zeros, images, train=False)

    images = jax.ShapeDtypeStruct((1, *input_shape), jnp.float32)
    jaxpr = jax.make_jaxpr(apply)(images).jaxpr
    if not calls:
        raise UsageError(
            f"{type(model).__name__} has no layers that can be looked at; build it of those in jaxcnn.models.layers."
        )
    return _Walk(jaxpr, calls, input_shape).graph()


class _Walk:
    """Follows the images through a traced program."""

    def __init__(self, jaxpr: Any, calls: Sequence[tuple[Layer, tuple[str, ...], Shape]], input_shape: Shape) -> None:
        self._jaxpr, self._calls = jaxpr, calls
        self._image = jaxpr.invars[0]
        self._origins = {self._image: _Origin("image", "image", (), -1, Fields.of_image(*input_shape))}
        self._readers: dict[Any, list[tuple[int, int]]] = {}
        self._inputs: dict[int, list[Any]] = {}

    def graph(self) -> Graph:
        for equation in self._jaxpr.eqns:
            sources = [array for array in equation.invars if not hasattr(array, "val") and array in self._origins]
            if not sources:
                continue
            if equation.primitive is LAYER:
                origin = self._layer(equation, sources)
            else:
                origin = self._between(equation, [self._origins[array] for array in sources])
            for array in equation.outvars:
                self._origins[array] = origin
        for array in self._jaxpr.outvars:
            if array in self._origins:
                self._readers.setdefault(array, [])
        stages = {array: self._stage(array) for array in self._readers if array is not self._image}
        ordered = sorted(stages.items(), key=lambda item: self._origins[item[0]].order)
        return Graph(
            tuple(layer for layer, _, _ in self._calls),
            tuple(path for _, path, _ in self._calls),
            tuple(stage for _, stage in ordered),
            tuple(tuple(stages.get(array) for array in self._inputs[i]) for i in range(len(self._calls))),
            tuple(shape[1:] for _, _, shape in self._calls),
        )

    def _layer(self, equation: Any, sources: list[Any]) -> _Origin:
        index = equation.params["index"]
        layer, path, shape = self._calls[index]
        self._inputs[index] = sources
        for place, array in enumerate(sources):
            self._readers.setdefault(array, []).append((index, place))
        fields = through(layer, [self._origins[array].fields for array in sources], shape)
        return _Origin(".".join(path), layer.kind, path, index, fields)

    def _between(self, equation: Any, sources: list[_Origin]) -> _Origin:
        """The origin of what an operation outside of layers gives: a ReLU, a sum, a shortcut."""
        shape = equation.outvars[0].aval.shape
        newest = max(sources, key=lambda source: source.order)
        fields = [source.fields for source in sources]
        if equation.primitive.name == "slice" and equation.params["strides"]:
            fields = [one.strided(equation.params["strides"][1:3]) for one in fields]
        places = (*shape[1:3], shape[-1]) if len(shape) == 4 else (1, 1, shape[-1])
        if any(one.shape[:2] != places[:2] for one in fields):  # an operation that we don't know: it may see everything
            fields = [_anywhere(one, places) for one in fields]
        joined = merged(fields, places[2])
        if len({source.order for source in sources}) == 1 or equation.primitive.name not in ("add", "add_any"):
            return dataclasses.replace(newest, fields=joined)
        block = newest.path[:-1] or newest.path
        return _Origin(".".join(block), "sum", block, newest.order, joined)

    def _stage(self, array: Any) -> Stage:
        origin, readers = self._origins[array], tuple(self._readers[array])
        normalised = any(self._calls[index][0].kind == "bn" for index, _ in readers)
        shape = tuple(array.aval.shape[1:])
        return Stage(origin.name, origin.kind, shape, readers, origin.fields, normalised, origin.path)


def _anywhere(fields: Fields, places: Shape) -> Fields:
    """A map of so many (rows, columns, channels), each unit of which sees all that the given ones see."""
    whole = fields.of_every("joined").of_every("everything").of_every("with_channels", places[2])
    return Fields(whole.rows.windows(1, 0, 0, places[0]), whole.columns.windows(1, 0, 0, places[1]))


def numbered() -> Callable[[], int]:
    """Counts calls: 0, 1, 2, …"""
    return itertools.count().__next__
