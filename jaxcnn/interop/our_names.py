"""Weights in our own names, as `export` writes those of networks that torch's users have no names for."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs
from jaxcnn.config.overrides import apply_changes
from jaxcnn.interop.converted import Converted
from jaxcnn.interop.named_arrays import NamedArrays, flat, nested
from jaxcnn.interop.own_description import SAID, own_description
from jaxcnn.interop.safetensors_export import STATISTICS
from jaxcnn.interop.variables import wanted_variables
from jaxcnn.runs.resolve import not_chosen
from jaxcnn.training.state import zero_statistics

OURS = "jaxcnn"


def convert_our_names(found: NamedArrays, experiment: Experiment) -> Converted:
    """What arrays are for this experiment that have our own names, "conv1/kernel".

    Raises:
      UsageError: the description in the file's header is damaged, or isn't of inputs that are allowed.
    """
    arrays, statistics = split_statistics(found.arrays)
    overrides, described = _our_classes(arrays, experiment), own_description(found.metadata)
    if described is not None:
        overrides |= not_chosen(experiment, described.overrides)
    changed = apply_changes(experiment, overrides.items())
    wanted = wanted_variables(changed)
    leaves = flat(wanted)
    wrong = tuple(
        f"{name} is {list(arrays[name].shape)} of {arrays[name].dtype} in the file, {list(leaf.shape)} of float32 in "
        "the network"
        for name, leaf in leaves.items()
        if name in arrays and (arrays[name].shape != leaf.shape or arrays[name].dtype != np.float32)
    )
    missing = tuple(name for name in leaves if name not in arrays)
    complete = not missing and not wrong
    variables = nested({name: np.ascontiguousarray(arrays[name]) for name in leaves}, wanted) if complete else {}
    if complete:
        variables |= wanted_statistics(statistics, changed.inputs)
    return Converted(
        format=found.format,
        family=OURS,
        variables=variables,
        overrides=overrides,
        adapted=(*found.adapted, *([SAID] if described is not None else [])),
        class_names=described.class_names if described is not None else (),
        missing=missing,
        unexpected=tuple(name for name in arrays if name not in leaves),
        wrong_shape=wrong,
    )


def _our_classes(arrays: Mapping[str, np.ndarray], experiment: Experiment) -> dict[str, Any]:
    """The number of classes where the file's classifier has another one than the network's."""
    if not hasattr(experiment.model, "num_classes") or not not_chosen(experiment, {"model.num_classes": 0}):
        return {}
    wanted = flat(wanted_variables(experiment))
    num_classes = experiment.model.num_classes
    for name, leaf in wanted.items():
        array = arrays.get(name)
        if name.endswith("/bias") and leaf.shape == (num_classes,) and array is not None and array.ndim == 1:
            candidate = int(array.shape[0])
            if candidate not in (0, num_classes):
                return {"model.num_classes": candidate}
    return {}


def split_statistics(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(The network's arrays, those that the inputs take from the training set), as `export` writes both."""
    statistics = {name.removeprefix(STATISTICS): array for name, array in arrays.items() if name.startswith(STATISTICS)}
    return {name: array for name, array in arrays.items() if not name.startswith(STATISTICS)}, statistics


def wanted_statistics(found: Mapping[str, np.ndarray], inputs: Inputs) -> dict[str, dict[str, np.ndarray]]:
    """{"statistics": …} where the inputs need those of a training set; else nothing, whatever a file has."""
    return {"statistics": dict(found)} if found and zero_statistics(inputs) else {}
