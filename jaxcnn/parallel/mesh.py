"""`--mesh=data=4,model=2`: the number of devices that share a batch, and that share the network's towers."""

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
    """Parses "data=4,model=2" into {"data": 4, "model": 2}.

    Args:
      text: axes and their sizes, whose product must be the number of devices. A missing axis has size 1; None means all
        devices on the data axis.
      devices: the number of devices over all processes.
      parallel: "jit", or "pmap", which supports the data axis only.

    Raises:
      UsageError: there is no such axis, or the sizes don't fit the devices.
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
            raise UsageError(f"--mesh={text}: {axis} occurs twice; give each axis once.")
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
    """Maps each sharded parameter to its axis that is divided over the model axis; empty for one device.

    Raises:
      UsageError: the network can't be divided over this many devices.
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
    """The sharding of every leaf: parameters in `axes` and their optimizer state are divided, the rest is replicated.

    Args:
      tree: arrays or their shapes; paths must end in layer/parameter.
      mesh: the devices.
      axes: from `tower_axes`.
    """

    def place(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
        name = "/".join(str(key.key) for key in path[-2:] if isinstance(key, DictKey))
        spec: list[str | None] = [None] * leaf.ndim
        if name in axes and leaf.ndim:
            spec[axes[name]] = TOWER_AXIS
        return NamedSharding(mesh, PartitionSpec(*spec) if TOWER_AXIS in spec else PartitionSpec())

    return jax.tree_util.tree_map_with_path(place, tree)
