"""What `--dry-run` warns of: the problems that a run would have."""

from typing import Any

from jaxcnn.models.sharding.towers import TOWER_AXIS


def warnings(answer: dict[str, Any], rehearsal: str | None) -> list[str]:
    """The problems that a run would have, a sentence each with what to do."""
    lines, memory, found = [], answer["memory"], answer["data_found"]
    available, count = answer["devices"]["memory_bytes"], answer["devices"]["count"]
    needed = memory["peak"]
    if "process" in memory:  # beyond what this process holds already; simulated devices share the machine's memory
        needed = memory["process"]["peak"] - memory["process"]["start"] + (count - 1) * memory["peak"]
    if available is not None and needed > available:
        where = "this machine" if "process" in memory else "each device"
        lines.append(
            f"out of memory: {where} would need {needed / 2**30:.1f} GiB and has {available / 2**30:.1f} GiB; try "
            f"--set accumulate={2 * answer['accumulate']}, --set remat=sums, or a smaller batch_size."
        )
    if not found["found"]:
        instead = f"; a run with --data=auto would download it if it can, else rehearse on {rehearsal}"
        lines.append(f"{found['name']} isn't there{instead if rehearsal else ''}; get it by: {found['how_to_get']}")
    if answer["disk"]["checkpoints"] > answer["disk"]["free"]:
        need, free = (answer["disk"][key] / 2**30 for key in ("checkpoints", "free"))
        lines.append(f"disk: checkpoints need {need:.1f} GiB and {free:.1f} GiB are free; choose another --workdir.")
    others = sorted(set(answer["collectives"]) - {"all-reduce"})
    if count > 1 and others and answer["mesh"][TOWER_AXIS] == 1:  # towers exchange maps
        lines.append(f"the step communicates by {', '.join(others)}, not by all-reduces alone.")
    if answer["host_transfers"]:
        lines.append(f"the step talks to the host ({', '.join(answer['host_transfers'])}), which waits for it.")
    reading, compute = (answer["time"].get(key) for key in ("reading_seconds", "compute_seconds"))
    if reading and compute and reading > compute:
        lines.append(
            f"reading is the bottleneck: a batch takes {reading:.2g} s to read and {compute:.2g} s to compute."
        )
    return lines
