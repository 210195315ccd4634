"""What has changed around a run since its checkpoint, and how that affects its numbers.

A resumed run equals the uninterrupted one to the bit if the devices, their number and the number of processor cores
are the same: a sum over a batch consists of one partial sum for each thread or device, each rounded. Elsewhere the
computation is the same but rounds differently: parameters differ by about 2·10⁻⁷ after a step. One change is more than
rounding: under `pmap` batch normalisation sees the part of a batch on each device, under `jit` all of it.
"""

from importlib.metadata import version
from typing import Any

from jaxcnn.data.loading.pipeline import cores
from jaxcnn.parallel.devices import Devices


def surroundings(devices: Devices) -> dict[str, Any]:
    """What affects the rounding of a step and the batches of batch normalisation; JSON for a checkpoint's record."""
    return {
        "parallel": devices.mode,
        "devices": devices.described,
        "batch_parts": devices.batch_parts,
        "device_kind": devices.devices[0].device_kind,
        "cores": cores() if devices.platform == "cpu" else None,
        "jax": version("jax"),
        "jaxlib": version("jaxlib"),
    }


def changes(before: dict[str, Any] | None, now: dict[str, Any], *, batch_norm: bool, batch_size: int) -> list[str]:
    """Messages about the changes, one a line.

    Args:
      before, now: `surroundings` of the checkpoint, None for one of an older version, and of this process.
      batch_norm: whether the network has batch normalisation.
      batch_size: of the whole batch.
    """
    if before is None:
        return []
    lines = []
    rows = [batch_size // tree["batch_parts"] if tree["parallel"] == "pmap" else batch_size for tree in (before, now)]
    if batch_norm and rows[0] != rows[1]:
        lines.append(
            f"note: until here batch normalisation saw {rows[0]} images at a time (--parallel={before['parallel']}, "
            f"{before['devices']}), from here on {rows[1]} (--parallel={now['parallel']}, {now['devices']}): what "
            "follows isn't what the run would have been."
        )
    differs = [name for name in now if name != "batch_parts" and before.get(name) != now[name]]
    if differs:
        named = ", ".join(f"{name.replace('_', ' ')} {before.get(name)} (now {now[name]})" for name in differs)
        lines.append(f"note: the checkpoint was saved with {named}: the run goes on, but not to the bit.")
    return lines
