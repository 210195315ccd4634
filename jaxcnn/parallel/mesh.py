"""`--mesh=data=4,model=2`: how many devices share a batch, and over how many the network's towers are divided."""

from collections.abc import Mapping
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.tree_util import DictKey

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import UsageError
from jaxcnn.models.sharding.towers import BATCH_AXIS, TOWER_AXIS

Tree = Any
AXES = (BATCH_AXIS, TOWER_AXIS)


def parse_mesh(text: str | None, devices: int, *, parallel: str = "jit") -> dict[str, int]:
    """ "data=4,model=2" as {"data": 4, "model": 2}; an axis that isn't named has 1, and None puts all on data.

    Args:
      text: axes and their sizes, whose product is the number of devices.
      devices: how many there are, over all processes.
      parallel: "jit", or "pmap", which has the one axis only.

    Raises:
      UsageError: no such axis, or sizes that don't fit.
    """
    if text is None:
        return {BATCH_AXIS: devices, TOWER_AXIS: 1}
    sizes: dict[str, int] = {}
    for part in text.split(","):
        axis, _, size = part.partition("=")
        if axis not in AXES:
            raise UsageError(
                f"--mesh={text}: there is no axis {axis!r}; allowed: {', '.join(AXES)}, as in data=4,model=2."
            )
        if axis in sizes:
            raise UsageError(f"--mesh={text}: {axis} is there twice.")
        if not (size.isascii() and size.isdigit() and int(size)):
            raise UsageError(f"--mesh={text}: {axis} (={size}) must be a positive whole number.")
        sizes[axis] = int(size)
    sizes = {axis: sizes.get(axis, 1) for axis in AXES}
    data, model = sizes.values()
    if parallel == "pmap" and model > 1:
        raise UsageError(f"--mesh={text}: --parallel=pmap divides batches only; use --parallel=jit with model={model}.")
    if data * model != devices:
        fits = (
            f"use --mesh=data={devices // model},model={model}"
            if devices % model == 0
            else f"use --mesh=data={devices}"
        )
        raise UsageError(f"--mesh={text} lays out {data * model} devices, there are {devices}; {fits}.")
    return sizes


def tower_axes(experiment: Experiment, devices: int) -> dict[str, int]:
    """Parameter → its axis that is divided over the `devices` of the model axis; empty for one.

    Raises:
      UsageError: the network can't be divided so.
    """
    if devices == 1:
        return {}
    asked = f"--mesh=…,{TOWER_AXIS}={devices}"
    axes_of = getattr(experiment.model, "tower_axes", None)
    if axes_of is None:
        raise UsageError(
            f"{asked}: {experiment.id} has no towers; only AlexNet's two can be divided "
            f"(--exp=alexnet_2012 with {TOWER_AXIS}=2). Use {TOWER_AXIS}=1."
        )
    try:
        return axes_of(devices)
    except ValueError as error:
        raise UsageError(f"{asked}: {error}") from error


def placement(tree: Tree, mesh: Mesh, axes: Mapping[str, int]) -> Tree:
    """The sharding of every leaf: a parameter in `axes`, or what the optimizer keeps for it, is divided among the
    towers' devices; everything else is on every device. tree: arrays or their shapes; a path in it ends in
    layer/parameter."""

    def place(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
        name = "/".join(str(key.key) for key in path[-2:] if isinstance(key, DictKey))
        spec: list[str | None] = [None] * leaf.ndim
        if name in axes and leaf.ndim:
            spec[axes[name]] = TOWER_AXIS
        return NamedSharding(mesh, PartitionSpec(*spec) if TOWER_AXIS in spec else PartitionSpec())

    return jax.tree_util.tree_map_with_path(place, tree)
