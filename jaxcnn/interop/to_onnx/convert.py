"""From the traced program to the graph: constants are folded, calls of functions inlined, equations converted."""

from collections.abc import Callable
from typing import Any

import jax
import jax.export
import numpy as np
from jax.extend.core import Literal

from jaxcnn.errors import UsageError
from jaxcnn.interop.to_onnx import contractions, elementwise, indexing, layers, reductions, shapes
from jaxcnn.interop.to_onnx.graph import BATCH, Graph, Shape, Tensor, concrete, constant
from jaxcnn.interop.to_onnx.trace import LAYER, Call, trace

Rule = Callable[[Graph, list[Tensor], Any], list[Tensor]]
RULES: dict[str, Rule] = {
    **elementwise.RULES,
    **shapes.RULES,
    **indexing.RULES,
    **contractions.RULES,
    **reductions.RULES,
}

INLINED = ("jaxpr", "call_jaxpr")  # the parameter that holds a called function's program
CALLS = {"jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "checkpoint", "remat2"}
# What makes no difference to values.
SAME = {"copy", "copy_p", "name", "optimization_barrier", "sharding_constraint", "stop_gradient"}


def to_graph(
    function: Callable[[jax.Array], jax.Array], image_shape: tuple[int, int, int], names: tuple[str, str]
) -> Graph:
    """Converts a function of images.

    Args:
      function: float32 [batch, height, width, channels] → float32 [batch, classes].
      image_shape: height, width, channels.
      names: of the graph's input, float32 [batch, channels, height, width], and of its output.

    Raises:
      UsageError: the function uses something that ONNX, or this conversion, doesn't have.
    """
    (batch,) = jax.export.symbolic_shape(BATCH)
    shape = (batch, *image_shape)
    traced = trace(function, jax.ShapeDtypeStruct(shape, np.float32), layers.is_known)
    graph = Graph(*names)
    images = Tensor(graph.images, shape, shape, channels_first=True)
    constants = [constant(values) for values in traced.program.consts]
    (scores,) = Conversion(graph, traced.calls).run(traced.program.jaxpr, constants, [images], "")
    name = graph.read(scores)
    graph.scope = ""
    graph.node("Identity", name, name=graph.output)
    return graph


class Conversion:
    """The conversion of one traced program, equation by equation."""

    def __init__(self, graph: Graph, calls: list[Call]) -> None:
        self.graph = graph
        self.calls = calls

    def run(self, jaxpr: Any, constants: list[Tensor], arguments: list[Tensor], scope: str) -> list[Tensor]:
        """The outputs of a program (an open jaxpr) applied to these arguments, within a scope of names."""
        known = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *arguments), strict=True))

        def value(atom: Any) -> Tensor:
            return known[atom] if not isinstance(atom, Literal) else constant(np.asarray(atom.val, dtype_of(atom)))

        for equation in used(jaxpr):
            if is_empty(equation):
                known.update((output, nothing(output.aval.shape)) for output in equation.outvars)
                continue
            inputs = [value(atom) for atom in equation.invars]
            names = "/".join(filter(None, (scope, str(equation.source_info.name_stack))))
            known.update(zip(equation.outvars, self.equation(equation, inputs, names), strict=True))
        return [value(atom) for atom in jaxpr.outvars]

    def equation(self, equation: Any, inputs: list[Tensor], scope: str) -> list[Tensor]:
        """The outputs of one equation."""
        name, graph = equation.primitive.name, self.graph
        if equation.primitive is LAYER:
            call = self.calls[equation.params["index"]]
            graph.scope = call.name
            return [layers.RULES[type(call.layer)](graph, call, inputs, equation.outvars[0].aval.shape)]
        if name in CALLS:
            inner = next(equation.params[parameter] for parameter in INLINED if parameter in equation.params)
            constants = [constant(values) for values in getattr(inner, "consts", ())]
            return self.run(getattr(inner, "jaxpr", inner), constants, inputs, scope)
        if name in SAME:
            return inputs
        constants = [tensor.constant for tensor in inputs]
        known = all(values is not None for values in constants) and name != shapes.BATCH_SIZE
        if known and all(concrete(output.aval.shape) for output in equation.outvars):
            return folded(equation, constants)
        if name not in RULES:
            raise UsageError(
                f"the network uses {name!r} (in {scope or 'its own code'}), which the ONNX export doesn't know; "
                "use format=stablehlo, which takes every network."
            )
        graph.scope = tidy(scope)
        return RULES[name](graph, inputs, equation)


def dtype_of(atom: Any) -> Any:
    """The type of a literal, whose value may be a plain number of Python."""
    return atom.aval.dtype


def folded(equation: Any, values: list[Any]) -> list[Tensor]:
    """The outputs of an equation whose inputs are known, computed now. It calls no function: those are inlined."""
    outputs = equation.primitive.bind(*values, **equation.params)
    return [constant(output) for output in (outputs if equation.primitive.multiple_results else [outputs])]


def nothing(shape: Shape) -> Tensor:
    """An array without values."""
    return Tensor(np.zeros((1,) * len(shape), np.float32), shape, (1,) * len(shape))


def is_empty(equation: Any) -> bool:
    """Whether an equation gives no values. `jnp.pad` has such ones, for the axes that it leaves alone."""
    return all(0 in output.aval.shape for output in equation.outvars)


def used(jaxpr: Any) -> list[Any]:
    """The equations that the outputs depend on."""
    wanted = {atom for atom in jaxpr.outvars if not isinstance(atom, Literal)}
    kept = []
    for equation in reversed(jaxpr.eqns):
        if any(output in wanted for output in equation.outvars):
            kept.append(equation)
            inputs = () if is_empty(equation) else equation.invars
            wanted |= {atom for atom in inputs if not isinstance(atom, Literal)}
    return kept[::-1]


def tidy(scope: str) -> str:
    """A scope of names without the network's class, and without what JAX adds for its transformations.

    >>> tidy("AlexNet/conv1/jit(relu)")
    'conv1'
    """
    return "/".join([part for part in scope.split("/") if "(" not in part][1:])
