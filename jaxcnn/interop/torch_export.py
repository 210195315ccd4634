"""A network's variables in torch's names and layout, and what makes the same network in torch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import UsageError
from jaxcnn.interop.named_arrays import flat
from jaxcnn.interop.residual_order import reordered, widths
from jaxcnn.interop.safetensors_export import STATISTICS
from jaxcnn.interop.torch_layout import to_theirs
from jaxcnn.interop.torch_names import convention
from jaxcnn.models import vgg
from jaxcnn.models.alexnet import OneTowerAlexNet
from jaxcnn.models.googlenet import GoogLeNet
from jaxcnn.models.resnet import DEPTHS, ResNet
from jaxcnn.models.vgg import VGG

COLLECTIONS = ("params", "batch_stats")
VGG_DEPTHS = {vgg.A: 11, vgg.B: 13, vgg.D: 16, vgg.E: 19}


def family_of(model: Any) -> str | None:
    """Whose names `to_torch` gives this network; None where torch's users have none for it."""
    theirs = convention(model)
    return theirs.family if theirs is not None and theirs.ours else None


def to_torch(experiment: Experiment, variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """A network's variables by the names that torch's users know, in torch's layout, contiguous.

    AlexNet with one tower, VGG (A, B, D, E, with and without batch norm), GoogLeNet and ResNet, where they are
    torchvision's, have torchvision's names: `load_state_dict` takes them. ResNets for CIFAR have those of the usual
    code, whose shortcut A has its zeros on both sides.

    Args:
      experiment: as `load_trained` gives it.
      variables: {"params", "batch_stats"}, and "statistics" where the inputs take something from the training set: it
        is there too, as "statistics/mean", float32 [height, width, channels].

    Raises:
      UsageError: the network is none of these (`family_of`).
    """
    leaves = {name: np.asarray(value) for name, value in flat({k: variables.get(k, {}) for k in COLLECTIONS}).items()}
    theirs = convention(experiment.model)
    if theirs is None or not theirs.ours:
        raise UsageError(f"{experiment.id} isn't a network that torch's users have names for.")
    if widths(experiment.model) is not None:
        leaves = reordered(leaves, experiment.model, to_ours=False)
    arrays = {}
    for name, value in leaves.items():
        their_name = theirs.their_name(name)
        if their_name is None:
            raise UsageError(f"{experiment.id} has a layer that {theirs.family} has no name for: {name}.")
        arrays[their_name] = to_theirs(value, theirs.flattened.get(name.rpartition("/")[0]))
        if name.endswith(".bn/var"):  # torch counts batches; what was trained here has no count of theirs
            arrays[f"{their_name.rpartition('.')[0]}.num_batches_tracked"] = np.zeros((), np.int64)
    statistics = variables.get("statistics") or {}
    return arrays | {f"{STATISTICS}{name}": np.ascontiguousarray(value) for name, value in statistics.items()}


def torchvision_call(model: Any) -> str | None:
    """What makes this network in torchvision, `resnet18(num_classes=10)`; None where it has none of these sizes.

    >>> torchvision_call(ResNet.of_depth(18))
    'resnet18(num_classes=1000)'
    """
    classes = f"num_classes={getattr(model, 'num_classes', None)}"
    theirs = convention(model)
    if theirs is None or not theirs.ours:
        return None
    match model:
        case OneTowerAlexNet() if (model.features, model.hidden_units) == _defaults(model, "features", "hidden_units"):
            return f"alexnet({classes})"
        case VGG() if (model.features, model.hidden_units) == _defaults(model, "features", "hidden_units"):
            depth = VGG_DEPTHS.get(model.blocks)
            return None if depth is None else f"vgg{depth}{'_bn' if model.batch_norm else ''}({classes})"
        case GoogLeNet():
            return f"googlenet({classes}, init_weights=False)"
        case ResNet():
            depth = next((depth for depth, form in DEPTHS.items() if form == (model.blocks, model.bottleneck)), None)
            return None if depth is None else f"resnet{depth}({classes})"
    return None


def _defaults(model: Any, *fields: str) -> tuple[Any, ...]:
    return tuple(getattr(type(model), field) for field in fields)
