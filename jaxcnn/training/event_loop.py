"""An event loop that answers every read before it closes, for Orbax to restore in.

Orbax reads a checkpoint's arrays all at once, in an event loop that it closes as soon as one of them fails. The
answers to the others then find the loop closed, and each prints a traceback past our one line of error.
"""

import asyncio
import contextlib
from collections.abc import Iterator


class PatientLoop(asyncio.SelectorEventLoop):
    """Waits at its close for the tasks that are still under way, whatever becomes of them."""

    def close(self) -> None:
        while not self.is_closed() and (tasks := asyncio.all_tasks(self)):
            self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        super().close()


@contextlib.contextmanager
def patient_loops() -> Iterator[None]:
    """New event loops of this process are patient ones. (Setting asyncio's policy would do too, and is deprecated.)"""
    usual, asyncio.new_event_loop = asyncio.new_event_loop, PatientLoop
    try:
        yield
    finally:
        asyncio.new_event_loop = usual
