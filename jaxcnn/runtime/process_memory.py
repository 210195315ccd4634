"""The main memory of this machine and of this process, in bytes."""

import re
from pathlib import Path

import psutil

PROCESS_STATUS = Path("/proc/self/status")
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def available_bytes() -> int:
    """What this machine, or the container's limit, has left."""
    found = [psutil.virtual_memory().available]
    if CONTAINER_LIMIT.exists() and (limit := CONTAINER_LIMIT.read_text().strip()).isdigit():
        found.append(int(limit) - resident_bytes())
    return min(found)


def resident_bytes() -> int:
    """What this process holds at present."""
    return psutil.Process().memory_info().rss


def peak_bytes() -> int:
    """The most that this process has held so far; psutil knows it on Windows alone."""
    # Not `getrusage` on Linux: a process that was started by a larger one gets that one's peak there.
    if PROCESS_STATUS.exists() and (
        match := re.search(r"^VmHWM:\s*(\d+) kB", PROCESS_STATUS.read_text(), re.MULTILINE)
    ):
        return 1024 * int(match[1])
    if psutil.WINDOWS:
        return psutil.Process().memory_info().peak_wset  # pyright: ignore[reportAttributeAccessIssue]
    import resource  # Windows has no such module

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if psutil.MACOS else 1024 * peak
