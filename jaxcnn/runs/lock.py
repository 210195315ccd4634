"""One run at a time in a folder."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import lock_descriptor

from jaxcnn.errors import UsageError
from jaxcnn.parallel import coordination, processes

# On Windows nobody else could read a locked file, so the lock has a file of its own there.
LOCKED_FILE, OPENING = ("experiment.json", os.O_RDWR) if os.name == "posix" else ("lock", os.O_RDWR | os.O_CREAT)
# The errors of file systems that have no locks.
NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


@contextlib.contextmanager
def held(workdir: Path) -> Iterator[None]:
    """Keeps other runs out of a run's folder, by a lock that the system releases when the process ends.

    Of several processes that are one run, the first has the lock. Where the file system has no locks (some network
    disks), nothing is locked.

    Args:
      workdir: the run's folder, with its experiment.json.

    Raises:
      UsageError: another process is training in the folder.
    """
    descriptors: list[int] = []

    def hold() -> None:
        if not processes.is_first():
            return
        # NFS grants a lock only on a file that is open for writing; nothing is written.
        descriptors.append(os.open(workdir / LOCKED_FILE, OPENING))
        try:
            locked = lock_descriptor(descriptors[0], blocking=False)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        else:
            if not locked:
                raise UsageError(f"another process is training in {workdir}; wait for it, or choose another --workdir.")

    try:
        coordination.in_turn(hold)
        yield
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
