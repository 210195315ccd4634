"""The names that keras.applications gives the layers of VGG and ResNet, and ours for them."""

import dataclasses
import re
import string

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import UsageError
from jaxcnn.models.resnet import ResNet
from jaxcnn.models.vgg import VGG

# What the end of an array's name says it is: those of today, and those of Keras 1, whose running_std is a variance.
ROLES = {
    "kernel": "kernel",
    "W": "kernel",
    "bias": "bias",
    "b": "bias",
    "gamma": "gamma",
    "beta": "beta",
    "moving_mean": "mean",
    "running_mean": "mean",
    "moving_variance": "var",
    "running_var": "var",
    "running_std": "var",
}
BY_NUMBER = ("kernel", "bias")  # how Keras 3 numbers the arrays of a layer with weights
NORM_BY_NUMBER = ("gamma", "beta", "mean", "var")  # and those of a batch normalisation
_ROLE = re.compile(rf"(?:^|_)({'|'.join(ROLES)})(?:_\d+)?(?::\d+)?$")

NEW_EPSILON = 1.001e-5  # of the batch normalisations whose names end in "_bn"
OLD_EPSILON = 1e-3  # of those in ResNet50's first form, Keras's default


@dataclasses.dataclass(frozen=True)
class Names:
    """The layers of a network.

    Attributes:
      family: as `Converted` has it.
      layers: Keras's name → ours, "conv2_1/a" or for its batch normalisation "conv2_1/a.bn". Several names may stand
        for one layer.
      numbered: ours, by the names of classes that Keras 3 numbers: "conv2d_1" → "conv2_1/a".
      classifier: our name of the last layer.
    """

    family: str
    layers: dict[str, str]
    numbered: dict[str, str]
    classifier: str


def names_of(experiment: Experiment) -> Names:
    """Keras's names for the layers of an experiment's network.

    Raises:
      UsageError: keras.applications has no such network.
    """
    model = experiment.model
    if isinstance(model, VGG) and not model.batch_norm:
        return _vgg(model)
    if isinstance(model, ResNet) and model.bottleneck and model.shortcut != "none":
        return _resnet(model)
    raise UsageError(
        f"{experiment.id} has no counterpart in keras.applications, whose weights are read here; choose vgg_2014 "
        "(D: VGG16, E: VGG19) or resnet_2015 (50, 101, 152)."
    )


def role_of(name: str) -> str | None:
    """What an array is, by its name: "kernel", "bias", "gamma", "beta", "mean" or "var"; None where it doesn't say.

    >>> role_of("kernel:0"), role_of("block1_conv1_W_1:0"), role_of("bn_conv1_running_std_1:0")
    ('kernel', 'kernel', 'var')
    """
    found = _ROLE.search(name)
    return ROLES[found[1]] if found else None


def _vgg(model: VGG) -> Names:
    convolutions = {
        f"block{block}_conv{number}": f"conv{block}_{number}"
        for block, sizes in enumerate(model.blocks, start=1)
        for number in range(1, len(sizes) + 1)
    }
    dense = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}
    numbered = _numbered("conv2d", list(convolutions.values())) | _numbered("dense", list(dense.values()))
    return Names("keras.applications' VGG", convolutions | dense, numbered, "fc8")


def _resnet(model: ResNet) -> Names:
    """Both generations: conv2_block1_1_conv with conv2_block1_1_bn, and res2a_branch2a with bn2a_branch2a."""
    layers = {"conv1_conv": "conv1", "conv1_bn": "conv1.bn", "conv1": "conv1", "bn_conv1": "conv1.bn"}
    order = ["conv1"]  # in which Keras lists the convolutions: the projection comes before the last one
    for stage, count in enumerate(model.blocks, start=2):
        for block in range(1, count + 1):
            branches = {"1": ("2a", "a"), "2": ("2b", "b"), "0": ("1", "shortcut"), "3": ("2c", "c")}
            if block > 1:
                del branches["0"]
            for number, (branch, ours) in branches.items():
                path, new = f"conv{stage}_{block}/{ours}", f"conv{stage}_block{block}_{number}"
                order.append(path)
                layers |= {f"{new}_conv": path, f"{new}_bn": f"{path}.bn"}
                if block <= len(string.ascii_lowercase):
                    old = f"{stage}{string.ascii_lowercase[block - 1]}_branch{branch}"
                    layers |= {f"res{old}": path, f"bn{old}": f"{path}.bn"}
    layers |= {"predictions": "fc", "fc1000": "fc", "probs": "fc"}
    norms = [f"{path}.bn" for path in order]
    numbered = _numbered("conv2d", order) | _numbered("batch_normalization", norms) | {"dense": "fc"}
    return Names("keras.applications' ResNet", layers, numbered, "fc")


def _numbered(kind: str, layers: list[str]) -> dict[str, str]:
    """The names that Keras 3 gives layers of one class in the order of the model: "dense", "dense_1", …"""
    return {f"{kind}_{number}" if number else kind: layer for number, layer in enumerate(layers)}
