"""Starting from another run's weights: VGG's deeper nets begin with layers of net A (§3.1)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxcnn.errors import UsageError
from jaxcnn.experiment import Experiment
from jaxcnn.training.checkpoints import Checkpoints


def take_over(params: dict[str, Any], experiment: Experiment, placement: Callable) -> dict[str, Any]:
    """`params` with the parameters of `experiment.init_layers` (all of them if None) out of `experiment.init_from`.

    placement: shapes of parameters → their shardings.

    Raises:
      UsageError: the folder holds no run, or its network has no such layer, or one of another shape.
    """
    folder = Path(str(experiment.init_from))
    if not (folder / "checkpoints").is_dir():
        raise UsageError(f"init_from (={folder}) is no run's folder: it holds no checkpoints.")
    checkpoints = Checkpoints(folder)
    try:
        theirs = checkpoints.parameters(placement)
    finally:
        checkpoints.close()
    chosen = experiment.init_layers if experiment.init_layers is not None else tuple(params)
    taken = dict(params)
    for name in chosen:
        if name not in params or name not in theirs:
            where = f"the network in {folder}" if name in params else experiment.title
            raise UsageError(f"init_layers: {where} has no layer {name!r}.")
        ours, their = shapes(params[name]), shapes(theirs[name])
        if ours != their:
            raise UsageError(f"init_from: layer {name} is {their} in {folder}, here it is {ours}.")
        taken[name] = theirs[name]
    return taken


def shapes(layer: dict[str, Any]) -> dict[str, Any]:
    """The shapes of a layer's parameters, or of the layers within it."""
    return {name: shapes(leaf) if isinstance(leaf, dict) else tuple(leaf.shape) for name, leaf in layer.items()}
