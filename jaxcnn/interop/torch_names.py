"""What torch's networks call their layers: one table for each of our networks, used in both directions.

torchvision's names for AlexNet, VGG, GoogLeNet and ResNet, those of timm where they differ, and for CIFAR's ResNets
those of the widely used codes. A layer's arrays follow from its kind: weight and bias, of batch norm also running_mean
and running_var.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jaxcnn.models.alexnet import OneTowerAlexNet
from jaxcnn.models.googlenet import GoogLeNet
from jaxcnn.models.resnet import ResNet
from jaxcnn.models.resnet_cifar import CifarResNet
from jaxcnn.models.vgg import VGG

LEAVES = {"kernel": "weight", "bias": "bias"}
NORM_LEAVES = {"scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
# The layers of a residual block; "c" is a bottleneck's.
BLOCK = {"a": "conv1", "a.bn": "bn1", "b": "conv2", "b.bn": "bn2", "c": "conv3", "c.bn": "bn3"}


@dataclasses.dataclass(frozen=True)
class Convention:
    """How others call the layers of one of our networks.

    Attributes:
      family: whose names these are, as a person knows it.
      names: our layer, "conv2_1/a.bn", → theirs, "layer1.0.bn1".
      classifier: our layer that makes the logits.
      flattened: fully connected layer behind a map → the map's channels, which torch flattens first.
      aliases: (pattern, what it stands for in `names`), of other programs with the same network.
      ours: whether the network, with these fields, is the one that others have under these names.
    """

    family: str
    names: Mapping[str, str]
    classifier: str
    flattened: Mapping[str, int] = dataclasses.field(default_factory=dict)
    aliases: tuple[tuple[str, str], ...] = ()
    ours: bool = True

    def their_name(self, leaf: str) -> str | None:
        """Their name of a variable, "conv2_1/a.bn/mean"; None where they have no such layer."""
        layer, _, name = leaf.rpartition("/")
        if layer not in self.names:
            return None
        leaves = NORM_LEAVES if layer.endswith(".bn") else LEAVES
        return f"{self.names[layer]}.{leaves[name]}"

    def covers(self, names: Iterable[str]) -> bool:
        """Whether each of these names, of a file, may be this network's, and the network's last block is among them.

        Args:
          names: as the table has them (`canonical`).
        """
        layers = {name.rpartition(".")[0] for name in names}
        blocks = [theirs for ours, theirs in self.names.items() if ours.endswith("/a")]
        return layers <= set(self.names.values()) and (not blocks or blocks[-1] in layers)

    def canonical(self, name: str) -> str:
        """A name in a file as the table has it."""
        for pattern, meant in self.aliases:
            name = re.sub(pattern, meant, name)
        return name


def convention(model: Any) -> Convention | None:
    """The names that torch's users know for this network; None where they have none."""
    match model:
        case OneTowerAlexNet():
            return _alexnet(model)
        case VGG():
            return _vgg(model)
        case GoogLeNet():
            return _googlenet(model)
        case CifarResNet():
            return _cifar_resnet(model)
        case ResNet():
            return _resnet(model)
    return None


def _alexnet(model: OneTowerAlexNet) -> Convention:
    convolutions = {f"conv{number}": f"features.{place}" for number, place in enumerate((0, 3, 6, 8, 10), start=1)}
    dense = {"fc6": "classifier.1", "fc7": "classifier.4", "fc8": "classifier.6"}
    return Convention("torchvision", convolutions | dense, "fc8", flattened={"fc6": model.features[-1]})


def _vgg(model: VGG) -> Convention:
    names, place = {}, 0
    for block, sizes in enumerate(model.blocks, start=1):
        for number in range(1, len(sizes) + 1):
            names[f"conv{block}_{number}"] = f"features.{place}"
            names[f"conv{block}_{number}.bn"] = f"features.{place + 1}"
            place += 3 if model.batch_norm else 2  # the ReLU has a place of its own
        place += 1  # the pooling
    names |= {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}
    # timm has the first two as convolutions, 7×7 and 1×1.
    aliases = (
        (r"^pre_logits\.fc1\.", "classifier.0."),
        (r"^pre_logits\.fc2\.", "classifier.3."),
        (r"^head\.fc\.", "classifier.6."),
    )
    same = not model.use_lrn and all(size == 3 for block in model.blocks for size in block)
    return Convention("torchvision", names, "fc8", {"fc6": model.features[-1]}, aliases, ours=same)


def _googlenet(model: GoogLeNet) -> Convention:
    units = {"conv1": "conv1", "conv2_reduce": "conv2", "conv2": "conv3"}
    branches = {"1x1": "branch1", "3x3_reduce": "branch2.0", "3x3": "branch2.1", "5x5_reduce": "branch3.0"}
    branches |= {"5x5": "branch3.1", "pool_proj": "branch4.1"}
    for module in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        units |= {f"{module}/{ours}": f"inception{module}.{theirs}" for ours, theirs in branches.items()}
    units |= {f"{head}/conv": f"{head}.conv" for head in ("aux1", "aux2")}
    names = {"fc": "fc"}
    for ours, theirs in units.items():
        names |= {ours: f"{theirs}.conv", f"{ours}.bn": f"{theirs}.bn"}
    for head in ("aux1", "aux2"):
        names |= {f"{head}/fc": f"{head}.fc1", f"{head}/classifier": f"{head}.fc2"}
    theirs = GoogLeNet.as_in_torchvision()
    fields = ("use_lrn", "batch_norm", "large_kernel", "pool4_size", "adaptive_aux_pool")
    same = all(getattr(model, field) == getattr(theirs, field) for field in fields)
    return Convention("torchvision", names, "fc", {"aux1/fc": 128, "aux2/fc": 128}, ours=same)


def _resnet(model: ResNet) -> Convention:
    names = dict(_blocks("conv{stage}_{number}", model.blocks, first=2, shortcut="downsample"))
    same = model.shortcut == "B" and not model.pool1_ceil and (model.stride_on_3x3 or not model.bottleneck)
    return Convention("torchvision", names, "fc", ours=same)


def _cifar_resnet(model: CifarResNet) -> Convention:
    names = dict(_blocks("s{stage}_{number}", [model.n] * len(model.features), first=1, shortcut="shortcut"))
    names["fc"] = "linear"
    aliases = ((r"^fc\.", "linear."), (r"\.downsample\.", ".shortcut."))
    return Convention("ResNets for CIFAR in torch", names, "fc", aliases=aliases, ours=model.shortcut in ("A", "B"))


def _blocks(ours: str, counts: Any, *, first: int, shortcut: str) -> Iterator[tuple[str, str]]:
    """The names of a residual network. ours: what we call a block; first: our number of the first stage."""
    yield from {"conv1": "conv1", "conv1.bn": "bn1", "fc": "fc"}.items()
    layers = BLOCK | {"shortcut": f"{shortcut}.0", "shortcut.bn": f"{shortcut}.1"}
    for stage, count in enumerate(counts):
        for number in range(count):
            block = ours.format(stage=stage + first, number=number + 1)
            for layer, name in layers.items():
                yield f"{block}/{layer}", f"layer{stage + 1}.{number}.{name}"
