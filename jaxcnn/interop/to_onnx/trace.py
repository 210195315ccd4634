"""Tracing a network so that each known layer is one equation of the traced program.

Layers that the ONNX export knows (`layers.is_known`) are traced as opaque equations, which become Conv, MaxPool, Gemm
and so on. All else (activations, residual additions, preprocessing, the layers of a user's own) is traced into JAX's
primitives. So every network can be exported whose primitives are known, and the graph still shows the paper's layers.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray, Tracer
from jax.extend.core import Primitive

from jaxcnn.models.kernels.backend import reference_kernels
from jaxcnn.models.layers.core import Layer

LAYER = Primitive("known_layer")  # stands for all that a layer does to its inputs; traced, never run


@LAYER.def_abstract_eval
def _layer_output(*inputs: Any, index: int, shape: tuple[Any, ...]) -> Any:
    del inputs, index
    return ShapedArray(shape, jnp.dtype(jnp.float32))


class Call(NamedTuple):
    """A call of a known layer, with its variables: {"params": {"kernel": …}, …}."""

    layer: Layer
    variables: dict[str, dict[str, np.ndarray]]

    @property
    def name(self) -> str:
        return "/".join(self.layer.path)


class Traced(NamedTuple):
    """A traced program, and the calls of known layers that its `LAYER` equations number."""

    program: Any  # a closed jaxpr
    calls: list[Call]


def trace(
    function: Callable[[jax.Array], jax.Array],
    images: jax.ShapeDtypeStruct,
    is_known: Callable[[Layer, tuple[Any, ...]], bool],
) -> Traced:
    """Traces a function of images, in the reference form of every layer.

    Args:
      function: applies a network whose variables it holds.
      images: shape and type of its argument; the batch may be symbolic.
      is_known: whether a layer, called with these arrays, is to be a single equation.
    """
    calls: list[Call] = []

    def stand_in(call: Callable, arguments: Any, keywords: Any, context: Any) -> Any:
        layer, output = context.module, call(*arguments, **keywords)
        if not isinstance(layer, Layer) or context.method_name != "__call__" or any(keywords.values()):
            return output
        if not is_known(layer, arguments) or any(array.dtype != jnp.float32 for array in (*arguments, output)):
            return output
        variables = layer.variables
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(variables)):  # inside a lifted transformation
            return output
        calls.append(Call(layer, jax.tree.map(np.asarray, dict(variables))))
        return LAYER.bind(*arguments, index=len(calls) - 1, shape=output.shape)

    def traced(images: jax.Array) -> jax.Array:
        with nn.intercept_methods(stand_in), reference_kernels():
            return function(images)

    return Traced(jax.make_jaxpr(traced)(images), calls)
