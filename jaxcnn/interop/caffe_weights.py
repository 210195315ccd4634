"""Caffe's weights for our networks: LeNet, AlexNet, CaffeNet, NiN, VGG, GoogLeNet and ResNet."""

from pathlib import Path

import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import apply_changes
from jaxcnn.errors import UsageError
from jaxcnn.interop.caffe_conventions import conventions
from jaxcnn.interop.caffe_file import CaffeLayer, CaffeNet, read_caffe
from jaxcnn.interop.caffe_names import CLASSIFIERS, Place, places
from jaxcnn.interop.converted import Converted
from jaxcnn.interop.known_classes import known_classes
from jaxcnn.interop.placement import EPSILON, Layout, Placement
from jaxcnn.models.googlenet import GoogLeNet
from jaxcnn.models.nin import NIN, ImageNetNIN
from jaxcnn.runs.resolve import not_chosen

CAFFE = Layout(kernel=(2, 3, 1, 0), dense=(1, 0), maps_first=True)


def convert(file: Path, experiment: Experiment) -> Converted:
    """A `.caffemodel` for an experiment's network, with what makes the function and its inputs those of Caffe.

    Args:
      file: of the old (V1) or the new layers, with the layers' names of the well-known releases.
      experiment: whose network takes the weights. What the user has set in it stays as it is.

    Raises:
      UsageError: the file can't be read, is damaged, or has constants that this network can't have; no release of
        Caffe's is known for this network; or what the user has set can't go with what the weights want.
    """
    if type(experiment.model) not in CLASSIFIERS:
        raise UsageError(
            f"{experiment.id} has no counterpart in Caffe; those that have one are variants of lenet5_1998 (caffe), "
            "alexnet_2012, nin_2013, vgg_2014, googlenet_2014 and resnet_2015."
        )
    net = read_caffe(file)
    own = conventions(net, experiment)
    overrides = not_chosen(experiment, own.overrides | outputs_of(net, experiment))
    experiment = apply_changes(experiment, overrides.items())
    placement = Placement(experiment, CAFFE)
    known = places(experiment.model, placement.layers)
    for layer in net.layers:
        if not layer.blobs:
            continue
        place = known.get(layer.name)
        if place is None:
            placement.unexpected += names_of(layer)
        else:
            take(placement, layer, place, flattened(place.layer, placement.expected))
    heads = without_heads(placement, experiment)
    said = [said for path, said in own.sentences.items() if path in overrides or path not in own.overrides]
    return Converted(
        format="caffe",
        family=own.family,
        variables=placement.variables(),
        overrides=overrides,
        adapted=(*sentences(placement), *heads, *said),
        class_names=known_classes(experiment),
        missing=tuple(placement.missing),
        unexpected=tuple(placement.unexpected),
        wrong_shape=tuple(placement.wrong_shape),
    )


def outputs_of(net: CaffeNet, experiment: Experiment) -> dict[str, int]:
    """The override that gives the network as many classes as the file's classifier has."""
    classifier = CLASSIFIERS[type(experiment.model)]
    known = places(experiment.model, [classifier])
    for layer in net.layers:
        if layer.name in known and layer.blobs and layer.blobs[0].ndim >= 2:
            shape = layer.blobs[0].shape
            outputs = shape[0] if isinstance(experiment.model, NIN | ImageNetNIN) else shape[-2]
            return {"model.num_classes": outputs} if outputs != experiment.model.num_classes else {}
    return {}


def names_of(layer: CaffeLayer) -> list[str]:
    """The names of a layer's arrays: "conv1[0]" for its first."""
    return [f"{layer.name}[{number}]" for number in range(len(layer.blobs))]


# Fully connected layer that flattens maps → how the names of the convolutions begin whose last one makes these maps.
FLATTENS = {"ip1": "conv", "fc6": "conv", "aux1/fc": "aux1/conv", "aux2/fc": "aux2/conv"}


def flattened(layer: str, expected: dict[str, tuple[int, ...]]) -> int | None:
    """The channels of the maps that a layer flattens; None where it takes none."""
    if layer not in FLATTENS:
        return None
    last = max(path for path in expected if path.startswith(FLATTENS[layer]) and path.endswith("/kernel"))
    return expected[last][-1]


def take(placement: Placement, layer: CaffeLayer, place: Place, channels: int | None) -> None:
    """Puts a layer's arrays where they belong. channels: as `Placement.weights` takes them."""
    names = names_of(layer)
    if place.role == "statistics":
        if len(layer.blobs) != 3 or layer.blobs[2].size != 1:
            found = ", ".join(str(list(blob.shape)) for blob in layer.blobs)
            placement.wrong_shape.append(f"{layer.name} has arrays of {found}; {place.layer} takes two and a factor")
            return
        mean, var, factor = layer.blobs
        total = float(np.ravel(factor)[0])
        scale = 0.0 if total == 0 else 1 / total  # as Caffe does it
        extra = 0.0 if layer.epsilon is None else layer.epsilon - EPSILON
        placement.average(f"{place.layer}/mean", mean, names[0], factor=scale)
        placement.average(f"{place.layer}/var", var, names[1], factor=scale, extra=extra)
        return
    kernel, *rest = layer.blobs
    if place.role == "affine":
        placement.vector(f"{place.layer}/scale", kernel, names[0])
        if rest:
            placement.vector(f"{place.layer}/bias", rest[0], names[1])
    else:
        placement.weights(place.layer, kernel, names[0], channels=channels)
        if rest:
            placement.bias(place.layer, rest[0], names[1])
    placement.unexpected += names[2:]


def without_heads(placement: Placement, experiment: Experiment) -> list[str]:
    """Gives GoogLeNet's auxiliary heads initial values where the file has none of them; says so."""
    heads = [path for path in placement.expected if path.startswith("aux")]
    if not isinstance(experiment.model, GoogLeNet) or not set(heads) <= set(placement.missing):
        return []
    placement.initialise("aux", experiment)
    return [
        f"the file has no auxiliary heads, which only training uses: they begin with the initial values of seed 0 "
        f"({len(heads)} arrays)"
    ]


def sentences(placement: Placement) -> list[str]:
    """What was rearranged, a sentence each."""
    said = ["kernels were transposed from outputs × inputs × height × width to height × width × inputs × outputs"]
    if placement.reordered:
        said.append(
            f"the inputs of {', '.join(placement.reordered)} were reordered: Caffe flattens maps as channels × height "
            "× width, this network as height × width × channels"
        )
    if any(path.endswith("/mean") for path in placement.expected):
        said.append(
            "batch-norm statistics, which Caffe keeps as sums with a factor, were divided by it; the scale layers "
            "behind them became part of the batch normalisation"
        )
    if placement.folded:
        said.append(
            f"the biases of {', '.join(placement.folded)} were subtracted from the running means of the batch "
            "normalisation behind, which is the same function"
        )
    if placement.shifted:
        said.append(f"variances make up for another ε than this network's {EPSILON:g}")
    return said
