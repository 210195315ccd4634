"""Which layers are a network's classifiers: those that have other shapes where there are other classes to tell apart.

The network itself says so, so that heads of any number and name are found: GoogLeNet's three, NiN's last convolution.
"""

from collections.abc import Mapping
from typing import Any

import jax

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import UsageError
from jaxcnn.models.kernels.backend import reference_kernels
from jaxcnn.training.network import CARRIED, has_field, initialised

Path = tuple[str, ...]  # of a variable: "params", "fc", "kernel"


def class_axes(experiment: Experiment) -> dict[Path, int]:
    """Path of a variable with a place for every class → the axis of its classes.

    Nothing is computed: the shapes are compared with those of the network with one class more. The result is empty
    where a network can't have other classes (LeNet-5 of 1998, whose output is the distance to fixed bitmaps of ten
    digits), or has no field `num_classes`.
    """
    model = experiment.model
    if not has_field(model, "num_classes"):
        return {}
    try:
        more = model.clone(num_classes=model.num_classes + 1)
    except (UsageError, ValueError):  # of our networks, and of a user's own
        return {}
    ours, theirs = (_shapes(network, experiment) for network in (model, more))
    return {
        path: next(axis for axis, sizes in enumerate(zip(shape, theirs[path], strict=True)) if len(set(sizes)) > 1)
        for path, shape in ours.items()
        if shape != theirs[path]
    }


def variable_shapes(variables: Mapping[str, Any]) -> dict[Path, tuple[int, ...]]:
    """The shape of each variable, by its path. variables: {"params", "batch_stats"}, or their shapes."""
    return {
        tuple(str(key.key) for key in path): tuple(leaf.shape)
        for path, leaf in jax.tree.leaves_with_path({kind: variables.get(kind, {}) for kind in CARRIED})
    }


def _shapes(model: Any, experiment: Experiment) -> dict[Path, tuple[int, ...]]:
    with reference_kernels():  # quicker to trace than those for CPU
        return variable_shapes(jax.eval_shape(lambda: initialised(model, experiment.inputs)))
