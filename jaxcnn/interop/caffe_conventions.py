"""What Caffe's releases do that our experiments, which follow the papers, do otherwise: constants, pooling, inputs."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import UsageError
from jaxcnn.interop.caffe_file import CaffeNet, ResponseNorm
from jaxcnn.models.alexnet import AlexNet
from jaxcnn.models.googlenet import GoogLeNet
from jaxcnn.models.lenet_variants import CaffeLeNet
from jaxcnn.models.nin import NIN, ImageNetNIN
from jaxcnn.models.resnet import ResNet
from jaxcnn.models.vgg import VGG

# Of the training set, RGB. Caffe's prototxt of GoogLeNet has these means; its other networks subtract a mean image from
# a file of its own, whose mean colour (as Caffe's example of classification prints it) stands in for it here.
GOOGLENET_MEAN = (123.0, 117.0, 104.0)
CAFFE_MEAN = (122.679, 116.669, 104.007)
VGG_MEAN = (123.68, 116.779, 103.939)  # VGG's and, in Keras, the released ResNets'
RELEASED_NORM = ResponseNorm(local_size=5, alpha=1e-4, beta=0.75, k=1.0)  # of bvlc_alexnet, CaffeNet, bvlc_googlenet


@dataclasses.dataclass(frozen=True)
class Conventions:
    """The conventions of a release.

    Attributes:
      family, overrides: as in `Converted`.
      sentences: path of an override → what is said of it.
    """

    family: str
    overrides: dict[str, Any]
    sentences: Mapping[str, str] = dataclasses.field(default_factory=dict)


def conventions(net: CaffeNet, experiment: Experiment) -> Conventions:
    """What makes the experiment's network and inputs those of a Caffe release.

    Where the file has its layers' settings, as those that Caffe writes do, they decide; where it has weights alone, the
    well-known releases do.

    Args:
      net: the file's.
      experiment: the one that is to take the weights.

    Raises:
      UsageError: the file has settings that our network can't have.
    """
    model = experiment.model
    if isinstance(model, AlexNet):
        return _alexnet(net, model)
    if isinstance(model, GoogLeNet):
        return _googlenet(net)
    if isinstance(model, NIN):
        return _small_nin(net, experiment)
    if isinstance(model, ImageNetNIN):
        return Conventions("Caffe's NiN for ImageNet", _of_imagenet(224, "warp", CAFFE_MEAN), BGR | MEAN_COLOUR | WARP)
    if isinstance(model, VGG):
        return Conventions("Caffe's VGG", _of_imagenet(224, "shorter_side", VGG_MEAN), BGR)
    if isinstance(model, ResNet):
        return _resnet()
    assert isinstance(model, CaffeLeNet)
    inputs = {"size": 28, "stored_size": 28, "pad": 0, "channels": 1, "mean": 0.0, "scale": 1 / 256}
    return Conventions("Caffe's LeNet", {f"inputs.{field}": value for field, value in inputs.items()})


BGR = {
    "inputs.channel_order": "the network sees blue, green, red, as these weights want it (inputs.channel_order); "
    "inputs.mean stays in the order red, green, blue"
}
MEAN_COLOUR = {
    "inputs.mean": "one mean colour is subtracted (inputs.mean); the release subtracts a mean image, which is in a "
    "file of its own"
}
WARP = {
    "inputs.resize": "images are resized to 256×256 whatever their proportions, as Caffe prepares them (inputs.resize)"
}


def _of_imagenet(size: int, resize: str, mean: tuple[float, ...]) -> dict[str, Any]:
    """The inputs of a network for ImageNet. mean: RGB, 0–255."""
    inputs = {"size": size, "channels": 3, "stored_size": 256, "resize": resize, "mean": mean, "scale": 1.0}
    inputs |= {"channel_order": "BGR", "pad": 0, "whitening": None, "local_contrast": None}
    return {f"inputs.{field}": value for field, value in inputs.items()}


def _alexnet(net: CaffeNet, model: AlexNet) -> Conventions:
    kinds = [layer.kind for layer in net.layers]
    pool_first = model.pool_first
    if "LRN" in kinds and "Pooling" in kinds:
        pool_first = kinds.index("Pooling") < kinds.index("LRN")
    elif net.name in ("AlexNet", "CaffeNet"):
        pool_first = net.name == "CaffeNet"
    overrides = {"model.use_lrn": True, "model.norm_across_towers": True, "model.pool_first": pool_first}
    order = "pooling comes before response normalisation" if pool_first else "response normalisation before pooling"
    norm, sentence = _norm(net)
    sentences = {"model.pool_first": f"{order} (model.pool_first)"}
    sentences["model.norm_across_towers"] = "response normalisation is over the maps of both towers"
    sentences |= sentence | BGR | MEAN_COLOUR | WARP
    name = "CaffeNet" if pool_first else "bvlc_alexnet"
    return Conventions(f"Caffe's {name}", overrides | norm | _of_imagenet(227, "warp", CAFFE_MEAN), sentences)


def _googlenet(net: CaffeNet) -> Conventions:
    norm, sentence = _norm(net)
    overrides = {"model.use_lrn": True, **norm, **_of_imagenet(224, "warp", GOOGLENET_MEAN)}
    return Conventions("Caffe's bvlc_googlenet", overrides, sentence | BGR | WARP)


def _norm(net: CaffeNet) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields that give our response normalisation Caffe's constants, and the sentence that says so."""
    stated = {layer.response_norm for layer in net.layers if layer.response_norm is not None} or {RELEASED_NORM}
    norm = next(iter(stated))
    if any(one.within_channel for one in stated):
        raise UsageError("the file's response normalisation is over places of one map, this network's over its maps.")
    fixed = (norm.local_size, norm.beta) == (RELEASED_NORM.local_size, RELEASED_NORM.beta)
    if len(stated) > 1 or not fixed or not 0 < norm.k < math.inf or not 0 <= norm.alpha < math.inf:
        found = "; ".join(f"({one.local_size}, {one.alpha:g}, {one.beta:g}, {one.k:g})" for one in sorted(stated))
        raise UsageError(
            f"the file's response normalisation (local_size, alpha, beta, k = {found}) must be the same in all layers, "
            f"with local_size {RELEASED_NORM.local_size} and beta {RELEASED_NORM.beta}, as this network has it."
        )
    alpha = float(f"{norm.alpha / norm.local_size:.7g}")
    sentence = f"response normalisation has Caffe's constants: k = {norm.k:g}, α = {norm.alpha:g} / {norm.local_size}"
    return {"model.lrn_k": norm.k, "model.lrn_alpha": alpha}, {"model.lrn_k": sentence}


def _small_nin(net: CaffeNet, experiment: Experiment) -> Conventions:
    pool = next((layer.pool for layer in net.layers if layer.name == "pool2" and layer.pool), "average")
    if pool not in ("max", "average"):
        raise UsageError(f"the file's pool2 is {pool} pooling; this network has the maximum or the average.")
    overrides: dict[str, Any] = {"model.pool2": pool}
    sentences = {}
    if pool == "average":
        sentences["model.pool2"] = "the second pooling takes the average, as in Caffe's file (model.pool2)"
    if experiment.inputs.whitening is not None:
        sentences["inputs.whitening"] = (
            f"images are whitened, as the authors' were; the file doesn't hold the whitening, which is made of "
            f"{experiment.data}'s training images. For weights that want none, set inputs.whitening=None"
        )
    return Conventions("Caffe's NiN", overrides, sentences)


def _resnet() -> Conventions:
    overrides = {"model.pool1_ceil": True, "model.stride_on_3x3": False}
    sentences = {
        "model.pool1_ceil": "pool1 doesn't pad, and rounds the number of its windows up (model.pool1_ceil)",
        "model.stride_on_3x3": "a bottleneck strides in its first 1×1 convolution (model.stride_on_3x3)",
    }
    sentences |= BGR | MEAN_COLOUR
    return Conventions("the authors' Caffe ResNet", overrides | _of_imagenet(224, "shorter_side", VGG_MEAN), sentences)
