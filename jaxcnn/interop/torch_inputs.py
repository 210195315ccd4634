"""The preprocessing that torch's networks were trained with, by family: their files don't have it."""

from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.models.googlenet import GoogLeNet
from jaxcnn.models.resnet_cifar import CifarResNet

# Means and standard deviations of the channels, for pixels in 0–1.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # torchvision; the usual code for CIFAR with shortcut A, too
CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))  # the usual codes for CIFAR with projections
CIFAR100 = ((0.5070, 0.4865, 0.4409), (0.2673, 0.2564, 0.2761))


def normalisation(mean: tuple[float, ...], std: tuple[float, ...]) -> dict[str, Any]:
    """Overrides of `Inputs` for (pixel / 255 − mean) / std.

    >>> normalisation((0.5,), (0.25,))
    {'inputs.mean': (127.5,), 'inputs.scale': (0.01568627450980392,)}
    """
    return {
        "inputs.mean": tuple(round(255 * value, 6) for value in mean),
        "inputs.scale": tuple(1 / round(255 * value, 6) for value in std),
    }


def preprocessing(experiment: Experiment, num_classes: int, *, projects: bool) -> tuple[dict[str, Any], str]:
    """(Overrides of the inputs, a sentence that says what they assume).

    Args:
      experiment: whose network the weights are for.
      num_classes: of the weights.
      projects: whether a CIFAR network has projections as shortcuts.
    """
    if isinstance(experiment.model, CifarResNet):
        known = (CIFAR100 if num_classes == 100 else CIFAR10) if projects else IMAGENET
        size: dict[str, Any] = {"inputs.size": 32, "inputs.stored_size": 32}
        who = "the usual code for CIFAR"
    else:
        known, who = IMAGENET, "torchvision"
        size = {"inputs.size": 224, "inputs.stored_size": 256}
    if isinstance(experiment.model, GoogLeNet):
        # torchvision's normalisation, and behind it transform_input's, are together pixel / 127.5 − 1 for each channel.
        return (
            {"inputs.mean": 127.5, "inputs.scale": 1 / 127.5, **size},
            "transform_input=True, which torchvision's own GoogLeNet weights want, is folded into the normalisation: "
            "inputs from −1 to 1. The file doesn't say so: for weights trained without it set inputs.mean and "
            "inputs.scale.",
        )
    return (
        normalisation(*known) | size,
        f"The preprocessing is that of {who}, mean {known[0]} and standard deviation {known[1]} of pixels in 0–1; the "
        "file doesn't say so: for other weights set inputs.mean and inputs.scale.",
    )
