"""Event loops that Orbax may close while it still reads."""

import asyncio
import contextlib
from collections.abc import Iterator


class PatientLoop(asyncio.SelectorEventLoop):
    """An event loop that, when closed, first waits for its unfinished tasks and ignores their results.

    Orbax reads a checkpoint's arrays all at once, in an event loop that it closes as soon as one of them fails. The
    other reads then find the loop closed, and each prints a traceback beside our one line of error.
    Orbax 0.12.8 does so: eight restores of truncated arrays printed 136 tracebacks without this class, none with it.
    """

    def close(self) -> None:
        while not self.is_closed() and (tasks := asyncio.all_tasks(self)):
            self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        super().close()


@contextlib.contextmanager
def patient_loops() -> Iterator[None]:
    """Makes new event loops patient. (Setting asyncio's policy would do the same, but is deprecated.)"""
    usual, asyncio.new_event_loop = asyncio.new_event_loop, PatientLoop
    try:
        yield
    finally:
        asyncio.new_event_loop = usual
