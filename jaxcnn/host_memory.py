"""How the C library's allocator treats large pieces of the host's memory.

A compiled step on CPU asks for its temporary values in one piece and gives them back when it ends. glibc maps a piece
of that size from the kernel each time, which hands it over page by page, each page set to zero: a tenth to a sixth of
a step's processor time (one core: NiN on MNIST at a batch of 128, 252 MB: 643 ms without, 762 with; ResNet-20, 207 MB:
692 and 787).
"""

import ctypes
import os
from importlib.metadata import entry_points
from importlib.util import find_spec

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8  # <malloc.h>
# What glibc reads at the start of a process: whoever sets one of them has decided for himself.
VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """From now on this process keeps what it frees for its next use. For programs, not libraries.

    The heap doesn't shrink any more; pieces of different sizes may leave gaps in it for the first few steps.

    Takes effect for threads that haven't asked for memory yet, so call it before the first device is touched: pieces
    above 32 MB fit into the first thread's heap alone, which all threads share from then on.

    Returns:
      whether it did: not where an accelerator's plugin is installed (the steps' memory is elsewhere then, and many
      threads decode pictures), nor where the C library isn't glibc or the user has set the allocator up.
    """
    accelerated = bool(entry_points(group="jax_plugins")) or find_spec("libtpu") is not None
    if accelerated or any(name in os.environ for name in VARIABLES):
        return False
    try:
        c_library = ctypes.CDLL(None)
        c_library.gnu_get_libc_version  # noqa: B018  (only glibc has it)
    except (AttributeError, OSError, TypeError):  # another C library; Windows can't be asked with None
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_ARENA_MAX, 1))  # −1: never
    return all([c_library.mallopt(name, value) for name, value in settings])
