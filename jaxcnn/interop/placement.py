"""Putting a file's arrays where a network has its variables, and keeping account of what doesn't fit."""

import dataclasses
from typing import Any, Protocol

import jax
import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.training.state import init

Tree = Any
EPSILON = 1e-5  # of our batch normalisations


class FileArray(Protocol):
    """An array of a file: NumPy's own, or one that is read when it is used, after its shape was looked at."""

    @property
    def shape(self) -> tuple[int, ...]: ...


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a file lays out the axes of weights.

    Attributes:
      kernel: of a convolution's kernel, the file's axes in the order height, width, inputs, outputs.
      dense: of a fully connected layer's weights, likewise inputs, outputs.
      maps_first: whether maps are flattened in the order channels, height, width.
    """

    kernel: tuple[int, int, int, int]
    dense: tuple[int, int]
    maps_first: bool


class Placement:
    """The variables of an experiment's network, filled from a file.

    Paths are layers' names joined by "/", as in "3a/1x1"; a variable's has its own name at the end.

    Attributes:
      expected: path of each variable → its shape.
      missing, unexpected, wrong_shape: as in `Converted`.
      reordered: the fully connected layers whose inputs were put into another order.
      folded: the convolutions whose biases became part of the batch normalisation behind them.
      shifted: whether variances make up for another ε.
    """

    def __init__(self, experiment: Experiment, layout: Layout) -> None:
        self._shapes = jax.eval_shape(lambda: init(experiment.model, experiment))
        self._collections = {
            "/".join(path): collection
            for collection in ("params", "batch_stats")
            for path in leaves(self._shapes.get(collection, {}))
        }
        self.expected = {
            path: tuple(at(self._shapes[collection], path).shape) for path, collection in self._collections.items()
        }
        self._layout = layout
        self._values: dict[str, np.ndarray] = {}
        self._biases: dict[str, np.ndarray] = {}  # layer → the bias that its batch normalisation takes in
        self.unexpected: list[str] = []
        self.wrong_shape: list[str] = []
        self._refused: set[str] = set()  # variables whose arrays had a wrong shape
        self.reordered: list[str] = []
        self.folded: list[str] = []
        self.shifted = False

    @property
    def layers(self) -> list[str]:
        """The layers that have variables."""
        return list(dict.fromkeys(path.rpartition("/")[0] for path in self.expected))

    @property
    def missing(self) -> list[str]:
        """The variables that no array was given for."""
        return [path for path in self.expected if path not in self._values and path not in self._refused]

    def weights(self, layer: str, kernel: FileArray, name: str, *, channels: int | None = None) -> None:
        """Takes the weights of a convolution or a fully connected layer.

        Args:
          layer: the network's.
          kernel: the array, in the file's layout.
          name: the array's in the file, for messages.
          channels: of the maps that a fully connected layer flattens; None where it takes none.
        """
        path = f"{layer}/kernel"
        ours = self.expected.get(path, ())
        axes = self._layout.kernel if len(ours) == 4 else self._layout.dense
        if (
            self._is_wanted(path, name)
            and (array := self._shaped(path, kernel, _laid_out(ours, axes), name)) is not None
        ):
            inputs = ours[-2]
            if self._layout.maps_first and len(ours) == 2 and channels is not None and inputs != channels:
                side = round((inputs / channels) ** 0.5)
                maps = array.transpose(axes).reshape(channels, side, side, -1)
                array = maps.transpose(1, 2, 0, 3).reshape(ours)
                self.reordered.append(layer)
            else:
                array = array.transpose(axes)
            self._values[path] = float32(array)

    def bias(self, layer: str, bias: FileArray, name: str) -> None:
        """Takes a layer's bias; one in front of a batch normalisation, which ours lacks, becomes part of its mean."""
        path, mean = f"{layer}/bias", f"{layer}.bn/mean"
        if path in self.expected or mean not in self.expected or layer in self._biases:
            self.vector(path, bias, name)
        elif (array := self._shaped(mean, bias, self.expected[mean], name)) is not None:
            self._biases[layer] = array.astype(np.float64)
            self.folded.append(layer)

    def vector(self, path: str, values: FileArray, name: str) -> None:
        """Takes a variable of one axis as it is."""
        if self._is_wanted(path, name) and (array := self._shaped(path, values, self.expected[path], name)) is not None:
            self._values[path] = float32(array)

    def average(self, path: str, values: FileArray, name: str, *, factor: float = 1.0, extra: float = 0.0) -> None:
        """Takes a running average of a batch normalisation.

        Args:
          path: "conv1.bn/mean" or "conv1.bn/var".
          values: the array.
          name: the array's in the file.
          factor: what it is multiplied by.
          extra: what is then added: by how much the ε that the file's layer adds to a variance exceeds our `EPSILON`.
        """
        if not self._is_wanted(path, name) or (found := self._shaped(path, values, self.expected[path], name)) is None:
            return
        with np.errstate(all="ignore"):  # of damaged values
            self._values[path] = float32(found.astype(np.float64) * factor + extra)
        self.shifted |= extra != 0.0

    def refuse(self, path: str, why: str) -> None:
        """Notes that a variable's array can't be taken. why: a sentence with both sides, as in `wrong_shape`."""
        self.wrong_shape.append(why)
        self._refused.add(path)

    def initialise(self, prefix: str, experiment: Experiment, seed: int = 0) -> list[str]:
        """Gives the variables below the layers that begin with `prefix` their initial values; returns their paths."""
        paths = [path for path in self.missing if path.startswith(prefix)]
        if paths:
            fresh = jax.jit(lambda: [at(init(experiment.model, experiment, seed)["params"], path) for path in paths])()
            self._values |= {path: np.asarray(value) for path, value in zip(paths, fresh, strict=True)}
        return paths

    def variables(self) -> dict[str, Tree]:
        """{"params": …, "batch_stats": …} of what was taken, nested by layer."""
        for layer, bias in self._biases.items():
            mean = self._values.get(f"{layer}.bn/mean")
            if mean is not None:
                with np.errstate(all="ignore"):
                    self._values[f"{layer}.bn/mean"] = float32(mean.astype(np.float64) - bias)
        self._biases = {}
        variables: dict[str, Tree] = {"params": {}, "batch_stats": {}}
        for path in self.expected:
            if path in self._values:
                *layers, name = path.split("/")
                node = variables[self._collections[path]]
                for layer in layers:
                    node = node.setdefault(layer, {})
                node[name] = self._values[path]
        return variables

    def _is_wanted(self, path: str, name: str) -> bool:
        """Whether the network has this variable, and no array for it yet."""
        if path in self.expected and path not in self._values:
            return True
        self.unexpected.append(name)
        return False

    def _shaped(self, path: str, array: FileArray, wanted: tuple[int, ...], name: str) -> np.ndarray | None:
        """The array in the file's layout, if its shape is the wanted one but for leading sides of 1."""
        shape = tuple(array.shape)
        while len(shape) > len(wanted) and shape[0] == 1:  # Caffe once gave every array four sides
            shape = shape[1:]
        if shape != wanted:
            self.refuse(path, f"{name} is {_times(array.shape)}; {path} takes {_times(wanted)}")
            return None
        return np.asarray(array).reshape(wanted)


def leaves(tree: Tree, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of each leaf of nested dictionaries."""
    if not isinstance(tree, dict):
        return [path]
    return [leaf for name, branch in tree.items() for leaf in leaves(branch, (*path, name))]


def at(tree: Tree, path: str) -> Any:
    """The leaf at a path."""
    for name in path.split("/"):
        tree = tree[name]
    return tree


def _laid_out(ours: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape in the file of what has the shape `ours` here; axis `axes[i]` of the file is axis i here."""
    shape = [0] * len(ours)
    for side, axis in zip(ours, axes, strict=True):
        shape[axis] = side
    return tuple(shape)


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a single number"


def float32(array: np.ndarray) -> np.ndarray:
    """A contiguous float32 copy; what is beyond its range becomes infinite, without a warning."""
    with np.errstate(all="ignore"):
        return np.array(array, np.float32, order="C")
