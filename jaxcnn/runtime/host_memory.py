"""How the C library hands out large pieces of the host's memory.

A compiled step on CPU asks for its temporary values in one piece and gives it back when it ends. glibc maps a piece
of that size from the kernel each time, which hands it over page by page, each page set to zero: a tenth to a seventh of
a step's time with pages of 4 KiB (ResNet-50 at a batch of 8: 230,000 of them, 1,540 ms a step).

In pages of 2 MiB (1,230 ms) most of that is gone. glibc asks for them only if the process starts with a setting, so
a command starts itself again with it. Where they can't be had, `keep_freed_memory` keeps the pieces instead
(1,290 ms): that takes up to twice the memory, as what has been freed is not always found again, and makes XLA a quarter
slower to compile, as its threads wait for each other's memory.
"""

import ctypes
import itertools
import os
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8  # <malloc.h>
# What glibc reads at the start of a process: whoever sets one of them has decided for himself.
VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES")
LARGE_PAGES = "glibc.malloc.hugetlb=1"
KERNEL_SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
SINCE = (2, 35)  # the glibc that has the setting
HARMLESS = ("-u", "-B", "-O", "-OO")  # options of Python that a script may be started with


def settings() -> dict[str, str]:
    """The environment in which a process of ours starts with large pages.

    Empty where it has them anyway, where they can't be had, and where nothing is to be decided (`is_decided`).
    """
    if is_decided() or kernel_gives() != "madvise" or glibc_version() < SINCE:
        return {}
    return {"GLIBC_TUNABLES": LARGE_PAGES}


def start_again(typed: Sequence[str], arguments: Sequence[str] = tuple(sys.orig_argv)) -> None:
    """Replaces this process by the same one with `settings`, if it was started as `python [-u] TYPED …`; else returns.

    Anything else (`python -m pdb SCRIPT`, a notebook, another program) isn't ours to start again. To be called first
    of all: what was imported is imported again.

    Args:
      typed: a script's path, or "-m" and a module.
      arguments: the command as it was started, Python first.
    """
    given = list(itertools.dropwhile(HARMLESS.__contains__, arguments[1:]))[: len(typed)]
    plainly = given == list(typed) or (len(typed) == len(given) == 1 and _same_path(*typed, *given))
    if not plainly or sys.gettrace() is not None or not (wanted := settings()):
        return
    try:
        os.execve(sys.executable, [sys.executable, *arguments[1:]], os.environ | wanted)
    except OSError:  # such a sandbox; a step is slower without
        return


def _same_path(one: str, other: str) -> bool:
    return os.path.abspath(one) == os.path.abspath(other)


def keep_freed_memory() -> bool:
    """From now on this process keeps what it frees for its next use, unless it has large pages. For programs alone.

    The heap doesn't shrink any more; pieces of different sizes may leave gaps in it for the first few steps.

    Takes effect for threads that haven't asked for memory yet, so call it before the first device is touched: pieces
    above 32 MB fit into the first thread's heap alone, which all threads share from then on.

    Returns:
      whether it did: not where `is_decided`, nor where the kernel gives large pages to everybody.
    """
    if is_decided() or not glibc_version() or has_large_pages():
        return False
    library = ctypes.CDLL(None)
    values = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_ARENA_MAX, 1))  # −1: never
    return all([library.mallopt(name, value) for name, value in values])


def has_large_pages() -> bool:
    """Whether this process gets large pages for large pieces."""
    asks = LARGE_PAGES in os.environ.get("GLIBC_TUNABLES", "") and glibc_version() >= SINCE
    return kernel_gives() == "always" or (kernel_gives() == "madvise" and asks)


def is_decided() -> bool:
    """Whether the allocator stays as it is.

    So it does where the user has set it up, and where an accelerator's plugin is installed: the steps' memory is
    elsewhere then, and many threads decode images.
    """
    set_up = any(name in os.environ for name in VARIABLES)
    return set_up or bool(entry_points(group="jax_plugins")) or find_spec("libtpu") is not None


def glibc_version() -> tuple[int, ...]:
    """As in (2, 36); empty where the C library is another one."""
    try:
        version = ctypes.CDLL(None).gnu_get_libc_version
    except (AttributeError, OSError, TypeError):  # another C library; Windows can't be asked with None
        return ()
    version.restype = ctypes.c_char_p
    return tuple(int(part) for part in version().decode().split("."))


def kernel_gives() -> str:
    """To whom Linux gives large pages: "always", "madvise" (to those who ask) or "never"."""
    try:
        chosen = KERNEL_SETTING.read_text().partition("[")[2].partition("]")[0]
    except OSError:  # another system, or a kernel without them
        return "never"
    return chosen or "never"
