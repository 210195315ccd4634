"""SIGTERM and Ctrl-C let the step, or an evaluation's batch, in progress finish, so that the state can be saved."""

import itertools
import os
import signal
import threading
from types import FrameType

from jax.experimental import multihost_utils

from jaxcnn import ending

CAUGHT = (signal.SIGTERM, signal.SIGINT)

_polls = itertools.count(1)  # the same numbers in every process


class Interrupts:
    """While entered, the first signal is only noted in `received`; a second one acts at once, as usual."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python can't set handlers
            ending.watch(False)
            self._previous = {number: signal.signal(number, self._note) for number in CAUGHT}
        return self

    def poll(self) -> signal.Signals | None:
        """The signal after which the state is to be saved and the run ends; asked after each step and batch."""
        return self.received

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.received = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        if not self._previous:
            return
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]
        self._previous = {}
        ending.watch(True)

    def __exit__(self, *exception: object) -> None:
        self._restore()


class SharedInterrupts(Interrupts):
    """The same over several processes: a signal to any of them stops all of them after the same step.

    JAX's coordination service catches SIGTERM by itself from `jax.distributed.initialize` on, and agrees on a poll
    that no process has passed yet; Ctrl-C is passed on to it.
    """

    def __enter__(self) -> "SharedInterrupts":
        if threading.current_thread() is threading.main_thread():
            ending.watch(False)
            self._previous = {signal.SIGINT: signal.signal(signal.SIGINT, self._note)}
        return self

    def poll(self) -> signal.Signals | None:
        """As above; every process asks equally often."""
        return signal.SIGTERM if multihost_utils.reached_preemption_sync_point(next(_polls)) else None

    def _note(self, number: int, frame: FrameType | None) -> None:
        super()._note(number, frame)
        os.kill(os.getpid(), signal.SIGTERM)
