"""Weights in torch's names, or in ours, become a network's variables; and the way back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import apply_changes
from jaxcnn.errors import UsageError
from jaxcnn.interop import pytorch_file, safetensors_file
from jaxcnn.interop.converted import Converted
from jaxcnn.interop.named_arrays import NamedArrays, flat, nested
from jaxcnn.interop.residual_order import Zeros, reordered, widths
from jaxcnn.interop.torch_inputs import class_names, preprocessing
from jaxcnn.interop.torch_layout import their_shape, to_ours, to_theirs
from jaxcnn.interop.torch_names import Convention, convention
from jaxcnn.interop.variables import initial_values, wanted_variables
from jaxcnn.models.resnet import ResNet
from jaxcnn.models.resnet_cifar import CifarResNet
from jaxcnn.runs.resolve import chosen_paths

READERS = {"pytorch": pytorch_file.read, "safetensors": safetensors_file.read}
OURS = "jaxcnn"
HEADS = "aux"  # how the layers of auxiliary heads begin, which run in training alone
STATISTICS = "statistics/"  # in front of what the inputs take from the training set, in files in our names


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
    theirs = convention(experiment.model)
    if theirs is None or any("/" in name for name in found.arrays):
        return _in_our_names(found, experiment)
    arrays = {theirs.canonical(name): array for name, array in found.arrays.items()}
    file_names = {theirs.canonical(name): name for name in found.arrays}
    overrides, adapted = _overrides(arrays, experiment, theirs)
    changed = apply_changes(experiment, overrides.items())
    wanted = wanted_variables(changed)
    taken = _Taken(arrays, flat(wanted), theirs)
    adapted += taken.fold_biases()
    adapted += taken.begin_heads(changed)
    values = taken.values
    if taken.is_complete and widths(changed.model) is not None:
        if zeros == "both":
            values = reordered(values, changed.model, to_ours=True)
        adapted.append(
            "The zeros of shortcut A are taken to lie "
            + (
                "on both sides of the channels, as in the usual code for CIFAR; the channels of the residual stream "
                "were reordered, as ours lie behind. The file can't tell: for zeros behind give zeros=behind."
                if zeros == "both"
                else "behind the channels, as here."
            )
        )
    num_classes = getattr(changed.model, "num_classes", 0)
    return Converted(
        format=found.format,
        family=theirs.family,
        variables=nested(values, wanted) if taken.is_complete else {},
        overrides=overrides,
        adapted=(*found.adapted, *adapted),
        class_names=class_names(experiment, num_classes),
        missing=tuple(taken.missing),
        unexpected=tuple(file_names[name] for name in arrays if name not in taken.used),
        wrong_shape=tuple(taken.wrong_shape),
    )


def plausible(found: NamedArrays, experiment: Experiment) -> bool:
    """Whether arrays of these names may be this experiment's: a quick look, before anything is compared."""
    theirs = convention(experiment.model)
    if any("/" in name for name in found.arrays):
        return True
    return theirs is not None and theirs.covers([theirs.canonical(name) for name in found.arrays])


def _overrides(
    arrays: Mapping[str, np.ndarray], experiment: Experiment, theirs: Convention
) -> tuple[dict[str, Any], list[str]]:
    """(What of the experiment has to change for these weights, what is to be said of it).

    What the user has set stays as it is.
    """
    chosen, adapted = chosen_paths(experiment), []
    overrides: dict[str, Any] = {}
    logits = arrays.get(f"{theirs.names[theirs.classifier]}.weight")
    num_classes = experiment.model.num_classes if logits is None or not logits.ndim else int(logits.shape[0])
    if num_classes != experiment.model.num_classes and num_classes > 0:
        overrides["model.num_classes"] = num_classes
    model = experiment.model
    projects = any(".shortcut." in name or ".downsample." in name for name in arrays)
    if isinstance(model, ResNet) and model.bottleneck and not model.stride_on_3x3:
        overrides["model.stride_on_3x3"] = True
        adapted.append("A bottleneck strides in its 3×3 convolution, as torchvision's do (model.stride_on_3x3=True).")
    if isinstance(model, CifarResNet) and model.shortcut == "A" and projects:
        overrides["model.shortcut"] = "B"
        adapted.append('The network has projections where the shape changes (model.shortcut="B").')
    if isinstance(model, CifarResNet | ResNet) and model.shortcut == "none" and not projects:
        adapted.append("The network is taken to be plain, without shortcuts; the file can't tell.")
    inputs, said = preprocessing(experiment, num_classes, projects=projects)
    overrides |= inputs
    if any(path in inputs and path not in chosen for path in ("inputs.mean", "inputs.scale")):
        adapted.append(said)
    return {path: value for path, value in overrides.items() if path not in chosen}, adapted


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


def _in_our_names(found: NamedArrays, experiment: Experiment) -> Converted:
    """What arrays are for this experiment that have our own names, as `to_torch` writes them."""
    statistics = {name: array for name, array in found.arrays.items() if name.startswith(STATISTICS)}
    arrays = {name: array for name, array in found.arrays.items() if name not in statistics}
    overrides = _our_classes(arrays, experiment)
    changed = apply_changes(experiment, overrides.items())
    wanted = wanted_variables(changed)
    leaves = flat(wanted)
    wrong = tuple(
        f"{name} is {list(arrays[name].shape)} of {arrays[name].dtype} in the file, {list(leaf.shape)} of float32 in "
        "the network"
        for name, leaf in leaves.items()
        if name in arrays and (arrays[name].shape != leaf.shape or arrays[name].dtype != np.float32)
    )
    missing = tuple(name for name in leaves if name not in arrays)
    complete = not missing and not wrong
    variables = nested({name: np.ascontiguousarray(arrays[name]) for name in leaves}, wanted) if complete else {}
    if statistics and complete:
        variables["statistics"] = {name.removeprefix(STATISTICS): array for name, array in statistics.items()}
    return Converted(
        format=found.format,
        family=OURS,
        variables=variables,
        overrides=overrides,
        adapted=found.adapted,
        missing=missing,
        unexpected=tuple(name for name in arrays if name not in leaves),
        wrong_shape=wrong,
    )


def _our_classes(arrays: Mapping[str, np.ndarray], experiment: Experiment) -> dict[str, Any]:
    """The number of classes where the file's classifier has another one than the network's."""
    if not hasattr(experiment.model, "num_classes") or "model.num_classes" in chosen_paths(experiment):
        return {}
    wanted = flat(wanted_variables(experiment))
    num_classes = experiment.model.num_classes
    for name, leaf in wanted.items():
        array = arrays.get(name)
        if name.endswith("/bias") and leaf.shape == (num_classes,) and array is not None and array.ndim == 1:
            candidate = int(array.shape[0])
            if candidate not in (0, num_classes):
                return {"model.num_classes": candidate}
    return {}


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
      variables: {"params", "batch_stats"}.

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
    return arrays


COLLECTIONS = ("params", "batch_stats")
