"""The names that Caffe's well-known releases give the layers of our networks."""

import re
from typing import Any, Literal, NamedTuple

from jaxcnn.models.alexnet import AlexNet
from jaxcnn.models.googlenet import GoogLeNet
from jaxcnn.models.lenet_variants import CaffeLeNet
from jaxcnn.models.nin import NIN, ImageNetNIN
from jaxcnn.models.resnet import ResNet
from jaxcnn.models.vgg import VGG

# Our networks that Caffe has, and the layer of each that gives the classes.
CLASSIFIERS: dict[type, str] = {
    CaffeLeNet: "ip2",
    AlexNet: "fc8",
    NIN: "cccp6",
    ImageNetNIN: "cccp8",
    VGG: "fc8",
    GoogLeNet: "fc",
    ResNet: "fc",
}


class Place(NamedTuple):
    """What a Caffe layer's arrays are here.

    role: "weights": kernel and bias; "statistics": running averages of a batch normalisation, kept as sums with a
    factor; "affine": its scale and bias, which Caffe has in a layer of their own.
    """

    layer: str
    role: Literal["weights", "statistics", "affine"] = "weights"


def places(model: Any, layers: list[str]) -> dict[str, Place]:
    """The place of each of a release's layers.

    Args:
      model: one of `CLASSIFIERS`.
      layers: its layers with variables, "3a/1x1".
    """
    if isinstance(model, GoogLeNet):
        return {_of_googlenet(layer): Place(layer) for layer in layers}
    if isinstance(model, ResNet):
        return {name: place for layer in layers for name, place in _of_resnet(layer)}
    found = {layer: Place(layer) for layer in layers}
    if isinstance(model, ImageNetNIN):  # the layers with 1,024 maps, and the classifier behind them
        found |= {f"{layer}-1024": Place(layer) for layer in ("conv4", "cccp7", "cccp8") if layer in layers}
    return found


GOOGLENET = {
    "conv1": "conv1/7x7_s2",
    "conv2_reduce": "conv2/3x3_reduce",
    "conv2": "conv2/3x3",
    "fc": "loss3/classifier",
}


def _of_googlenet(layer: str) -> str:
    """bvlc_googlenet's name: "inception_3a/1x1", "loss1/conv"."""
    if layer.startswith("aux"):
        return f"loss{layer.removeprefix('aux')}"
    return GOOGLENET.get(layer, f"inception_{layer}")


UNITS = {"a": "branch2a", "b": "branch2b", "c": "branch2c", "shortcut": "branch1"}


def _of_resnet(layer: str) -> list[tuple[str, Place]]:
    """The released ResNets' names of a layer: "res2a_branch2a", "bn2a_branch2a" and "scale2a_branch2a".

    The later blocks of a stage are b, c, … in the network of 50 layers, b1, b2, … in the long stages of the others.
    """
    is_norm = layer.endswith(".bn")
    bare = layer.removesuffix(".bn")
    block = re.fullmatch(r"conv(\d)_(\d+)/(\w+)", bare)
    if block is None:
        named = ["fc1000" if bare == "fc" else bare]
        prefixes = ("bn_", "scale_")
    else:
        stage, number, unit = int(block[1]), int(block[2]), UNITS[block[3]]
        letters = ["a"] if number == 1 else [f"b{number - 1}", *([chr(ord("a") + number - 1)] if number <= 26 else [])]
        named = [f"{stage}{letter}_{unit}" for letter in letters]
        prefixes = ("bn", "scale")
    if is_norm:
        roles = zip(prefixes, ("statistics", "affine"), strict=True)
        return [(f"{prefix}{name}", Place(layer, role)) for prefix, role in roles for name in named]
    return [(name if block is None else f"res{name}", Place(layer)) for name in named]
