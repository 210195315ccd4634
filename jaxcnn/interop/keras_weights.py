"""Keras's weights for our networks: VGG16 and VGG19, ResNet50, 101 and 152 of `keras.applications`."""

import re
from pathlib import Path
from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import apply_changes
from jaxcnn.data.class_names import imagenet_names
from jaxcnn.errors import UsageError
from jaxcnn.interop.converted import Converted
from jaxcnn.interop.keras_file import Layers, open_keras
from jaxcnn.interop.placement import EPSILON, Layout, Placement
from jaxcnn.models.resnet import ResNet
from jaxcnn.models.vgg import VGG
from jaxcnn.runs.resolve import chosen_paths

KERAS = Layout(kernel=(0, 1, 2, 3), dense=(0, 1), maps_first=False)
RESNET_EPSILON = 1.001e-5  # of batch normalisation in keras.applications
MEAN = (123.68, 116.779, 103.939)  # red, green, blue: keras.applications' preprocessing in its "caffe" mode
DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}
UNITS = {"0": "shortcut", "1": "a", "2": "b", "3": "c"}


def convert(file: Path, experiment: Experiment) -> Converted:
    """What one of Keras's files is for this experiment.

    Args:
      file: `.h5`, `.weights.h5` or `.keras`, with the layers' names of `keras.applications`.
      experiment: for whose network the weights are.

    Raises:
      UsageError, DataMissingError, JaxcnnError: see `keras_file.open_keras`; or `keras.applications` doesn't have this
        network.
    """
    if not isinstance(experiment.model, VGG | ResNet):
        raise UsageError(f"{experiment.id} isn't in keras.applications; VGG and ResNet (vgg_2014, resnet_2015) are.")
    with open_keras(file) as layers:
        overrides = _overrides(layers, experiment)
        changed = apply_changes(experiment, overrides.items())
        placement = Placement(changed, KERAS)
        for name, arrays in layers.items():
            take(placement, name, arrays, experiment.model)
        variables = placement.variables()
    return Converted(
        format="keras",
        family="keras.applications",
        variables=variables,
        overrides=overrides,
        adapted=_adapted(placement),
        class_names=imagenet_names() if getattr(changed.model, "num_classes", 0) == 1000 else (),
        missing=tuple(placement.missing),
        unexpected=tuple(placement.unexpected),
        wrong_shape=tuple(placement.wrong_shape),
    )


def our_layer(name: str, model: Any) -> str | None:
    """Our name of a layer of `keras.applications`; None where it isn't one of this network's.

    >>> our_layer("conv2_block3_0_bn", ResNet()), our_layer("block5_conv3", VGG())
    ('conv2_3/shortcut.bn', 'conv5_3')
    """
    if isinstance(model, VGG):
        block = re.fullmatch(r"block(\d)_conv(\d)", name)
        return f"conv{block[1]}_{block[2]}" if block else DENSE.get(name)
    if name in ("predictions", "probs", "fc1000"):
        return "fc"
    block = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", name)
    if block and block[3] in UNITS:
        return f"conv{block[1]}_{block[2]}/{UNITS[block[3]]}{'.bn' if block[4] == 'bn' else ''}"
    return {"conv1_conv": "conv1", "conv1_bn": "conv1.bn"}.get(name)


def take(placement: Placement, name: str, arrays: list[Any], model: Any) -> None:
    """Puts a layer's arrays where they belong."""
    layer = our_layer(name, model)
    names = [f"{name}[{number}]" for number in range(len(arrays))]
    if layer is None or len(arrays) != (4 if layer.endswith(".bn") else 2):
        placement.unexpected += names
    elif layer.endswith(".bn"):
        placement.vector(f"{layer}/scale", arrays[0], names[0])
        placement.vector(f"{layer}/bias", arrays[1], names[1])
        mean, var = zip(arrays[2:], names[2:], strict=True)
        placement.statistics(layer, mean, var, factor=1.0, epsilon=RESNET_EPSILON)
    else:
        placement.weights(layer, arrays[0], names[0])
        placement.bias(layer, arrays[1], names[1])


def _overrides(layers: Layers, experiment: Experiment) -> dict[str, Any]:
    """What of the experiment has to change for these weights; what the user has set stays as it is."""
    inputs: dict[str, Any] = {"size": 224, "stored_size": 224, "resize": "warp", "channels": 3, "channel_order": "BGR"}
    inputs |= {"mean": MEAN, "scale": 1.0, "pad": 0}
    overrides = {f"inputs.{field}": value for field, value in inputs.items()}
    classifier = next(
        (arrays for name, arrays in layers.items() if our_layer(name, experiment.model) in ("fc", "fc8")), []
    )
    if len(classifier) == 2 and len(classifier[1].shape) == 1 and classifier[1].shape[0] > 0:
        overrides["model.num_classes"] = int(classifier[1].shape[0])
    if isinstance(experiment.model, ResNet):
        overrides["model.stride_on_3x3"] = False
    return {path: value for path, value in overrides.items() if path not in chosen_paths(experiment)}


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
        said.append(f"variances make up for Keras's ε of {RESNET_EPSILON:g}; this network's is {EPSILON:g}")
    return tuple(said)
