"""How a network lies on a mesh of devices: the names of the axes, and the towers of a network, one a device.

A network that has towers says here where each device works on its own maps and where the towers exchange them. In a
program that is traced under a mesh with a tower axis (`jax.set_mesh`), that decides what the devices send; anywhere
else these functions change nothing.
"""

from collections.abc import Callable

import jax
from jax.sharding import PartitionSpec

BATCH_AXIS = "data"  # over the devices along this axis a batch is divided
TOWER_AXIS = "model"  # over those along this one a network's towers


def tower_devices() -> int:
    """Over how many devices the program being traced divides the towers; 1 within `in_each_tower`."""
    mesh = jax.sharding.get_abstract_mesh()
    return 1 if TOWER_AXIS in mesh.manual_axes else mesh.shape.get(TOWER_AXIS, 1)


def shard_towers(maps: jax.Array) -> jax.Array:
    """Shards [batch, …, maps]: each device keeps the maps of its own tower alone."""
    if tower_devices() == 1:
        return maps
    spec = PartitionSpec(BATCH_AXIS, *[None] * (maps.ndim - 2), TOWER_AXIS)
    return jax.lax.with_sharding_constraint(maps, spec)


def gather_towers(maps: jax.Array) -> jax.Array:
    """Gathers sharded [batch, …, maps]: from here on each device has the maps of all towers. This communicates.

    In the backward pass, the gradients of each tower's maps are summed and sharded again.
    """
    if tower_devices() == 1:
        return maps
    return jax.lax.with_sharding_constraint(shard_towers(maps), PartitionSpec(BATCH_AXIS))


def in_each_tower(function: Callable[..., jax.Array], *arrays: jax.Array) -> jax.Array:
    """`function(*arrays) -> maps`, computed by each device for its own tower, without communication.

    arrays: the last axis of each is divided among the towers, and so is that of the result. How the batch is divided
    stays the compiler's business.
    """

    def own(rank: int) -> PartitionSpec:
        return PartitionSpec(*[None] * (rank - 1), TOWER_AXIS)

    in_specs, out_specs = tuple(own(array.ndim) for array in arrays), own(arrays[0].ndim)
    return jax.shard_map(function, in_specs=in_specs, out_specs=out_specs, axis_names={TOWER_AXIS})(*arrays)
