"""One run at a time in a folder."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from jaxcnn.errors import UsageError
from jaxcnn.parallel import coordination, processes

NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}  # what a file system without them says


@contextlib.contextmanager
def held(workdir: Path) -> Iterator[None]:
    """Keeps other runs out of a run's folder, by a lock on its experiment.json that ends with the process.

    Of several processes that are one run, the first has the lock. Where the file system knows no locks (some network
    disks), there is none.

    Raises:
      UsageError: another run is at work in the folder.
    """
    descriptors: list[int] = []

    def hold() -> None:
        if not processes.is_first():
            return
        # For writing, as NFS wants it for a lock; nothing is written.
        descriptors.append(os.open(workdir / "experiment.json", os.O_RDWR))
        try:
            fcntl.flock(descriptors[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another process is training in {workdir}; wait for it, or choose another --workdir."
            ) from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise

    try:
        coordination.in_turn(hold)
        yield
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
