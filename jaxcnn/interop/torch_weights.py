"""Weights in torch's names become a network's variables."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import apply_changes
from jaxcnn.interop import pytorch_file, safetensors_file
from jaxcnn.interop.converted import Converted
from jaxcnn.interop.known_classes import known_classes
from jaxcnn.interop.named_arrays import NamedArrays, flat, nested
from jaxcnn.interop.our_names import convert_our_names, split_statistics, wanted_statistics
from jaxcnn.interop.own_description import SAID, OwnDescription, own_description
from jaxcnn.interop.residual_order import Zeros, reordered, widths
from jaxcnn.interop.torch_inputs import preprocessing
from jaxcnn.interop.torch_layout import their_shape, to_ours
from jaxcnn.interop.torch_names import Convention, convention
from jaxcnn.interop.variables import initial_values, wanted_variables
from jaxcnn.models.resnet import ResNet
from jaxcnn.models.resnet_cifar import CifarResNet
from jaxcnn.models.vgg import VGG
from jaxcnn.runs.resolve import not_chosen

READERS = {"pytorch": pytorch_file.read, "safetensors": safetensors_file.read}
HEADS = "aux"  # how the layers of auxiliary heads begin, which run in training alone


def convert(file: Path, experiment: Experiment, *, zeros: Zeros = "both") -> Converted:
    """What a `.safetensors` file, or one of PyTorch's own, is for this experiment.

    Args:
      file: of the format that its ending says.
      experiment: for whose network the weights are.
      zeros: where the network that the weights come from has the zeros of shortcut A, which no file says.

    Raises:
      UsageError, DataMissingError, JaxcnnError: see the readers.
    """
    format = "safetensors" if file.suffix == ".safetensors" else "pytorch"
    return convert_arrays(READERS[format](file), experiment, zeros=zeros)


def convert_arrays(found: NamedArrays, experiment: Experiment, *, zeros: Zeros = "both") -> Converted:
    """What these arrays are for this experiment; the arguments are those of `convert`."""
    theirs, (network, statistics) = convention(experiment.model), split_statistics(found.arrays)
    if theirs is None or any("/" in name for name in network):
        return convert_our_names(found, experiment)
    file_names = {theirs.canonical(name): name for name in network}
    arrays = {name: network[theirs_name] for name, theirs_name in file_names.items()}
    described = own_description(found.metadata)
    overrides, adapted = _overrides(arrays, experiment, theirs, described)
    changed = apply_changes(experiment, overrides.items())
    wanted = wanted_variables(changed)
    taken = _Taken(arrays, flat(wanted), theirs)
    adapted += taken.fold_biases()
    adapted += taken.begin_heads(changed)
    variables: dict[str, Any] = {}
    if taken.is_complete:
        values, said = _in_our_order(taken.values, changed.model, "both" if described is not None else zeros)
        adapted += said
        variables = nested(values, wanted) | wanted_statistics(statistics, changed.inputs)
    names = known_classes(changed) if described is None else described.class_names
    return Converted(
        format=found.format,
        family=theirs.family,
        variables=variables,
        overrides=overrides,
        adapted=(*found.adapted, *adapted),
        class_names=names,
        missing=tuple(taken.missing),
        unexpected=tuple(file_names[name] for name in arrays if name not in taken.used),
        wrong_shape=tuple(taken.wrong_shape),
    )


def _in_our_order(values: dict[str, np.ndarray], model: Any, zeros: Zeros) -> tuple[dict[str, np.ndarray], list[str]]:
    """(The values with the residual stream's channels as ours are, what is to be said of it)."""
    if widths(model) is None:
        return values, []
    if zeros == "behind":
        return values, ["The zeros of shortcut A are taken to lie behind the channels, as here."]
    said = (
        "The zeros of shortcut A are taken to lie on both sides of the channels, as in the usual code for CIFAR; the "
        "channels of the residual stream were reordered, as ours lie behind. The file can't tell: for zeros behind "
        "give zeros=behind."
    )
    return reordered(values, model, to_ours=True), [said]


def plausible(found: NamedArrays, experiment: Experiment) -> bool:
    """Whether arrays of these names may be this experiment's: a quick look, before anything is compared."""
    theirs = convention(experiment.model)
    network, _ = split_statistics(found.arrays)
    if any("/" in name for name in network):
        return True
    return theirs is not None and theirs.covers([theirs.canonical(name) for name in network])


def _overrides(
    arrays: Mapping[str, np.ndarray], experiment: Experiment, theirs: Convention, described: OwnDescription | None
) -> tuple[dict[str, Any], list[str]]:
    """(What of the experiment has to change for these weights, what is to be said of it).

    What the user has set stays as it is.
    """
    adapted: list[str] = []
    overrides: dict[str, Any] = {}
    logits = arrays.get(f"{theirs.names[theirs.classifier]}.weight")
    num_classes = experiment.model.num_classes if logits is None or not logits.ndim else int(logits.shape[0])
    if num_classes != experiment.model.num_classes and num_classes > 0:
        overrides["model.num_classes"] = num_classes
    projects = any(".shortcut." in name or ".downsample." in name for name in arrays)
    for path, value, said in _switched(experiment.model, projects=projects):
        if not_chosen(experiment, {path: value}):
            overrides[path] = value
            shown = f'"{value}"' if isinstance(value, str) else value
            adapted.append(f"{said} ({path}={shown}).")
    if isinstance(experiment.model, CifarResNet | ResNet) and experiment.model.shortcut == "none" and not projects:
        adapted.append("The network is taken to be plain, without shortcuts; the file can't tell.")
    if described is not None:
        return not_chosen(experiment, overrides | described.overrides), [*adapted, SAID]
    inputs, said = preprocessing(experiment, num_classes, projects=projects)
    if {"inputs.mean", "inputs.scale"} & not_chosen(experiment, inputs).keys():
        adapted.append(said)
    return not_chosen(experiment, overrides | inputs), adapted


def _switched(model: Any, *, projects: bool) -> Iterator[tuple[str, Any, str]]:
    """Fields of a network that torch's network of these names has otherwise: path, value, what it means."""
    if isinstance(model, ResNet) and model.bottleneck and not model.stride_on_3x3:
        yield "model.stride_on_3x3", True, "A bottleneck strides in its 3×3 convolution, as torchvision's do"
    if isinstance(model, VGG) and model.use_lrn:
        yield "model.use_lrn", False, "The network has no response normalisation, as none of torchvision's has"
    if isinstance(model, CifarResNet) and model.shortcut == "A" and projects:
        yield "model.shortcut", "B", "The network has projections where the shape changes"


class _Taken:
    """The variables of a network as they are taken out of arrays in torch's names.

    Attributes:
      values: of ours, by name, in our layout; only complete where nothing is missing or of the wrong shape.
      used: the names of the arrays that have found their place.
      missing, wrong_shape: as in `Converted`.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], wanted: Mapping[str, Any], theirs: Convention) -> None:
        self._arrays, self._wanted, self._theirs = arrays, wanted, theirs
        self.values: dict[str, np.ndarray] = {}
        self.used: set[str] = set()
        self.missing: list[str] = []
        self.wrong_shape: list[str] = []
        for name, leaf in wanted.items():
            self._take(name, leaf.shape)

    @property
    def is_complete(self) -> bool:
        """Whether every variable has its value."""
        return not self.missing and not self.wrong_shape

    def _take(self, name: str, shape: tuple[int, ...]) -> None:
        theirs = self._theirs.their_name(name)
        if theirs is None or theirs not in self._arrays:
            self.missing.append(name)
            return
        self.used.add(theirs)
        array = self._arrays[theirs]
        if array.dtype != np.float32:
            self.wrong_shape.append(f"{theirs} holds {array.dtype}, {name} needs floating point")
            return
        value = to_ours(array, shape, self._theirs.flattened.get(name.rpartition("/")[0]))
        if value is None:
            wanted = list(their_shape(shape))
            self.wrong_shape.append(f"{theirs} is {list(array.shape)} in the file, {name} would be {wanted}")
            return
        self.values[name] = value

    def fold_biases(self) -> list[str]:
        """Takes the biases of convolutions, where the network has none, off the means of their batch norms.

        Returns:
          What is to be said of it.
        """
        folded = 0
        for name in [name for name in self.values if name.endswith(".bn/mean")]:
            layer = name.removesuffix(".bn/mean")
            theirs = f"{self._theirs.names[layer]}.bias"
            bias = self._arrays.get(theirs)
            fits = bias is not None and bias.shape == self.values[name].shape and bias.dtype == np.float32
            if f"{layer}/bias" in self._wanted or bias is None or not fits:
                continue
            self.values[name] = (self.values[name].astype(np.float64) - bias).astype(np.float32)
            self.used.add(theirs)
            folded += 1
        return [f"The biases of {folded} convolutions were taken off their batch norms' means."] if folded else []

    def begin_heads(self, experiment: Experiment) -> list[str]:
        """Gives auxiliary heads that the file doesn't have initial values: they run in training alone.

        Returns:
          What is to be said of it.
        """
        heads = [name for name in self._wanted if name.startswith(HEADS)]
        if not heads or self.missing != heads or self.wrong_shape:
            return []
        self.values |= initial_values(experiment, heads)
        self.missing = []
        return ["The file has no auxiliary heads, which run in training alone: theirs are initial values, by seed 0."]
