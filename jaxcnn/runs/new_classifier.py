"""The classifier of a run that begins with another network's layers, where the classes are others."""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.training.classifier import class_axes, variable_shapes
from jaxcnn.training.layers import trained_layers

Tree = Any


@dataclasses.dataclass(frozen=True)
class NewClassifier:
    """The layers that can't be taken, as they have a place for every class.

    Attributes:
      layers: their names, as `describe` shows them; empty where the number of classes is the same.
      here, there: how many classes the two networks tell apart.
    """

    layers: tuple[str, ...] = ()
    here: int = 0
    there: int = 0

    @property
    def note(self) -> str:
        """Which layers begin anew, and why."""
        what = "the classifier begins" if len(self.layers) == 1 else "the classifiers begin"
        return f"{what} anew ({', '.join(self.layers)}): {self.there:,} classes there, {self.here:,} here"

    def notes(self, train_only: tuple[str, ...] | None, variables: Tree) -> list[str]:
        """The lines that a run shows of it. variables: of its network, or their shapes."""
        still = [layer for layer in self.layers if layer not in trained_layers(train_only, variables)]
        keep, it = ("keeps its", "it") if len(still) == 1 else ("keep their", "them")
        frozen = f"note: {', '.join(still)} {keep} first random values, as train_only leaves {it} out"
        return [self.note, *([frozen] if still else [])]

    def whole(self, count: int) -> str:
        """How a message names all that is taken of a network of so many layers."""
        several = len(self.layers) > 1
        return f"all layers but the classifier{'s' * several}" if self.layers else f"all {count} layers"


def new_classifier(experiment: Experiment, ours: Tree, theirs: Tree, chosen: Collection[str]) -> NewClassifier:
    """The classifiers among the chosen layers, where the other network tells another number of classes apart.

    Args:
      experiment: of this network.
      ours, theirs: {"params", "batch_stats"} of the two networks, or their shapes.
      chosen: layers at the top of the network.
    """
    mine, other = variable_shapes(ours), variable_shapes(theirs)
    different = [path for path in mine if path[1] in chosen and path in other and mine[path] != other[path]]
    axes = class_axes(experiment) if different else {}
    classifier = [path for path in different if path in axes and _fits(mine[path], other[path], axes[path])]
    if not classifier:
        return NewClassifier()
    path = classifier[0]
    layers = tuple(dict.fromkeys(".".join(path[1:-1]) for path in classifier))
    return NewClassifier(layers, mine[path][axes[path]], other[path][axes[path]])


def other_classes(
    experiment: Experiment, chosen: Collection[str], theirs: Sequence[str] | None, ours: Sequence[str]
) -> list[str]:
    """A note where a classifier is taken that was trained on as many classes of other names; else nothing."""
    if not theirs or not ours or list(theirs) == list(ours):
        return []
    taken = dict.fromkeys(".".join(path[1:-1]) for path in class_axes(experiment) if path[1] in chosen)
    if not taken:
        return []
    return [
        f"note: its classes are others ({theirs[0]}, …; here {ours[0]}, …), but as many, so that {', '.join(taken)} is "
        "taken too; to begin it anew, name the other layers in init_layers"
    ]


def _fits(mine: tuple[int, ...], other: tuple[int, ...], axis: int) -> bool:
    """Whether two shapes differ along this axis alone."""
    return len(mine) == len(other) and mine[:axis] + mine[axis + 1 :] == other[:axis] + other[axis + 1 :]
