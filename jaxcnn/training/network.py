"""The interface of a network, ours or a user's own Flax module: how it is called and what it returns.

    class Mine(nn.Module):
        num_classes: int = 10      # optional: set to the number of the data's classes
        dtype: Any = jnp.float32   # optional: what it computes in; needed for precision=bfloat16

        @nn.compact
        def __call__(self, images, *, train: bool):  # float32 [batch, size, size, channels]
            ...
            return logits  # [batch, at least as many as the data has classes]

In training it may return (logits, logits of auxiliary heads), for a loss that expects them. Of its variables "params"
and "batch_stats" are kept from step to step.
"""

import dataclasses
import inspect
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs
from jaxcnn.errors import UsageError

Tree = Any
CARRIED = ("params", "batch_stats")  # collections of variables that a train state holds


def has_field(model: Any, name: str) -> bool:
    """Whether a module declares a field, which `clone` can set."""
    return name in {field.name for field in dataclasses.fields(model)}


def initialised(model: Any, inputs: Inputs, seed: int | jax.Array = 0) -> dict[str, Tree]:
    """The variables of a Flax module for inputs of this size.

    Raises:
      UsageError: the module can't be called as a network, or returns something else.
    """
    check_call(model)
    images = jnp.zeros((1, inputs.size, inputs.size, inputs.channels))
    outputs, variables = model.init_with_output(jax.random.key(seed), images, train=False)
    check_results(model, outputs, variables)
    return variables


def check_call(model: Any) -> None:
    """Raises UsageError unless the module can be called as `model(images, train=…)`."""
    try:
        inspect.signature(type(model).__call__).bind(model, None, train=False)
    except TypeError as error:
        raise UsageError(
            f"{_name(model)} can't be called as model(images, train=…): {error}; give its __call__ the arguments "
            "(self, images, *, train: bool)."
        ) from error


def check_results(model: Any, outputs: Any, variables: dict[str, Tree]) -> None:
    """Raises UsageError unless a module has given logits [1, n] for one image, and has variables that can be kept."""
    shape = getattr(outputs, "shape", None)
    if shape is None or len(shape) != 2 or shape[0] != 1:
        found = f"shape {shape}" if shape is not None else type(outputs).__name__
        raise UsageError(
            f"{_name(model)} must give logits [batch, classes] where train=False, so [1, n] for one image; it gives "
            f"{found}."
        )
    if has_field(model, "num_classes") and shape[1] != model.num_classes:
        raise UsageError(
            f"{_name(model)} must give as many logits as its field num_classes says (={model.num_classes}); it gives "
            f"{shape[1]}."
        )
    if not variables.get("params"):
        raise UsageError(f"{_name(model)} has no parameters: there is nothing to train.")
    others = [name for name in variables if name not in CARRIED]
    if others:
        raise UsageError(
            f"{_name(model)} has variables in the collection {others[0]!r}; those of {' and '.join(CARRIED)} alone are "
            "kept from step to step."
        )


def check_outputs(experiment: Experiment, num_classes: int, data: str) -> None:
    """Raises UsageError where the network has fewer outputs than the data has classes, or can't have its precision."""
    in_precision(experiment)
    found = count_outputs(experiment)
    if found < num_classes:
        raise UsageError(
            f"{_name(experiment.model)} has {found} outputs; {data} has {num_classes} classes and needs as many."
        )


def count_outputs(experiment: Experiment) -> int:
    """How many classes the network tells apart."""
    model, inputs = experiment.model, experiment.inputs
    if has_field(model, "num_classes"):
        return model.num_classes

    def outputs() -> Any:
        images = jnp.zeros((1, inputs.size, inputs.size, inputs.channels))
        return model.init_with_output(jax.random.key(0), images, train=False)[0]

    return jax.eval_shape(outputs).shape[-1]


def in_precision(experiment: Experiment) -> Any:
    """The experiment's model, computing in the experiment's precision.

    Raises:
      UsageError: it has no field `dtype`, and the precision isn't that of its parameters.
    """
    if has_field(experiment.model, "dtype"):
        return experiment.model.clone(dtype=jnp.dtype(experiment.precision))
    if experiment.precision != "float32":
        raise UsageError(
            f"precision (={experiment.precision}): {_name(experiment.model)} has no field dtype to be told so; give it "
            "one (dtype: Any = jnp.float32), or use float32."
        )
    return experiment.model


def has_batch_norm(experiment: Experiment) -> bool:
    """Whether the network has batch normalisation, so that an image's outputs in training depend on its batch."""
    return bool(jax.eval_shape(lambda: initialised(experiment.model, experiment.inputs)).get("batch_stats"))


def _name(model: Any) -> str:
    return f"the network {type(model).__name__}"
