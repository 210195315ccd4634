"""Keras's weights for our networks: VGG16 and VGG19, ResNet50, 101 and 152 of `keras.applications`."""

import math
from pathlib import Path
from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import apply_changes
from jaxcnn.interop.converted import Converted
from jaxcnn.interop.keras_file import KerasFile, Origin, open_keras
from jaxcnn.interop.keras_names import NEW_EPSILON, OLD_EPSILON, Names, names_of
from jaxcnn.interop.known_classes import known_classes
from jaxcnn.interop.placement import EPSILON, Layout, Placement
from jaxcnn.models.resnet import ResNet
from jaxcnn.models.vgg import VGG
from jaxcnn.runs.resolve import not_chosen

KERAS = Layout(kernel=(0, 1, 2, 3), dense=(0, 1), maps_first=False)
OURS = {"kernel": "kernel", "bias": "bias", "gamma": "scale", "beta": "bias", "mean": "mean", "var": "var"}
FLOATS = ("float16", "bfloat16", "float32", "float64")
MOST_CLASSES = 100_000  # that a file may claim, before anything is allocated for them
MEAN = (123.68, 116.779, 103.939)  # red, green, blue: keras.applications' preprocessing in its "caffe" mode
INPUTS = {"size": 224, "stored_size": 224, "resize": "warp", "channels": 3, "channel_order": "BGR"}
INPUTS |= {"mean": MEAN, "scale": 1.0, "pad": 0}

Origins = dict[str, Origin | None]


def convert(file: Path, experiment: Experiment) -> Converted:
    """What one of Keras's files is for this experiment.

    Args:
      file: `.h5` of weights or of a whole model, `.weights.h5` or `.keras`, in the names of `keras.applications`.
      experiment: for whose network the weights are.

    Raises:
      UsageError: keras.applications has no such network, or h5py isn't installed.
      DataMissingError: there is no such file, or it is damaged.
    """
    names = names_of(experiment)
    sizes = [4 * math.prod(shape) for shape in Placement(experiment, KERAS).expected.values()]
    with open_keras(file, largest=max(sizes), total=sum(sizes)) as opened:
        origins = {path: opened.origin(path, names) for path in opened.arrays if "/seed_generator/" not in path}
        overrides = _overrides(experiment, _class_count(opened, origins, names))
        changed = apply_changes(experiment, overrides.items())
        placement = Placement(changed, KERAS)
        for path, origin in origins.items():
            _take(placement, opened, path, origin)
        variables = placement.variables()
    return Converted(
        format="keras",
        family="keras.applications",
        variables=variables,
        overrides=overrides,
        adapted=_adapted(placement),
        class_names=known_classes(changed),
        missing=tuple(placement.missing),
        unexpected=tuple(placement.unexpected),
        wrong_shape=tuple(placement.wrong_shape),
    )


def _take(placement: Placement, file: KerasFile, path: str, origin: Origin | None) -> None:
    """Puts one array where it belongs."""
    if origin is None:
        placement.unexpected.append(path)
        return
    array, variable = file.array(path), f"{origin.layer}/{OURS[origin.role]}"
    if array.dtype not in FLOATS:
        placement.refuse(variable, f"{path} holds {array.dtype}; {variable} takes floating-point numbers")
    elif origin.role == "kernel":
        placement.weights(origin.layer, array, path)
    elif origin.role == "bias":
        placement.bias(origin.layer, array, path)
    elif origin.role == "var":
        usual = OLD_EPSILON if origin.keras_layer.startswith("bn") else NEW_EPSILON
        epsilon = file.epsilons.get(origin.keras_layer, usual)
        placement.average(variable, array, path, extra=epsilon - EPSILON)
    else:
        placement.vector(variable, array, path)


def _class_count(file: KerasFile, origins: Origins, names: Names) -> int | None:
    """How many classes the file's classifier has; None where it has no classifier, or one that can't be."""
    for path, origin in origins.items():
        if origin is not None and (origin.layer, origin.role) == (names.classifier, "kernel"):
            shape = file.arrays[path].shape
            return shape[1] if len(shape) == 2 and 0 < shape[1] <= MOST_CLASSES else None
    return None


def _overrides(experiment: Experiment, classes: int | None) -> dict[str, Any]:
    """What of the experiment has to change for these weights; what the user has set stays as it is."""
    overrides: dict[str, Any] = {f"inputs.{field}": value for field, value in INPUTS.items()}
    if classes is not None:
        overrides["model.num_classes"] = classes
    if isinstance(experiment.model, VGG):
        overrides["model.use_lrn"] = False
    if isinstance(experiment.model, ResNet):
        overrides |= {"model.stride_on_3x3": False, "model.pool1_ceil": False}
    return not_chosen(experiment, overrides)


def _adapted(placement: Placement) -> tuple[str, ...]:
    said = [
        "the network sees blue, green, red, as these weights want it (inputs.channel_order), and the mean colour of "
        "keras.applications is subtracted",
        "images are resized to a square whatever their proportions, as keras.utils.load_img(target_size=…) does "
        "(inputs.resize); the filter here is bilinear and antialiased, Keras's default takes the nearest pixel",
    ]
    if placement.folded:
        said.append(
            f"the biases of {len(placement.folded)} convolutions were subtracted from the running means of the batch "
            "normalisation behind them, which is the same function"
        )
    if placement.shifted:
        said.append(f"variances make up for another ε than this network's {EPSILON:g}")
    return tuple(said)
