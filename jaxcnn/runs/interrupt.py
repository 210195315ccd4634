"""After a signal, the step or evaluation batch in progress finishes, so that the state can be saved.

`jaxcnn.runtime.signals` lists the signals and who sends them.
"""

import itertools
import os
import signal
import threading
from types import FrameType

from jax.experimental import multihost_utils

from jaxcnn.runtime import signals

_polls = itertools.count(1)  # the same numbers in every process


class Interrupts:
    """While entered, the first signal is only noted in `received`; a second SIGTERM or Ctrl-C acts at once, as usual.

    A second SIGHUP or SIGUSR1 changes nothing: when a connection is lost, the kernel and the shell both send one.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python can't set handlers
            signals.watch(False)
            for number in self._caught():
                self._previous[number] = signal.signal(number, self._note)
        return self

    def _caught(self) -> tuple[signal.Signals, ...]:
        return signals.caught()

    def poll(self) -> signal.Signals | None:
        """The signal after which the state is to be saved and the run ends; asked after each step and batch."""
        return self.received

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.received = self.received or signal.Signals(number)
        if number in signals.INSISTENT:
            self._restore(signals.INSISTENT)

    def _restore(self, numbers: tuple[signal.Signals, ...]) -> None:
        restored = [number for number in numbers if number in self._previous]
        for number in restored:
            signal.signal(number, self._previous.pop(number))  # pyright: ignore[reportArgumentType]
        if restored:
            signals.watch(True)

    def __exit__(self, *exception: object) -> None:
        self._restore(tuple(self._previous))


class SharedInterrupts(Interrupts):
    """The same over several processes: a signal to any of them stops all of them after the same step.

    JAX's coordination service catches SIGTERM by itself from `jax.distributed.initialize` on, and agrees on a poll
    that no process has passed yet; the other signals are passed on to it, so that all processes end with SIGTERM's
    status.
    """

    def _caught(self) -> tuple[signal.Signals, ...]:
        return tuple(number for number in signals.caught() if number != signal.SIGTERM)

    def poll(self) -> signal.Signals | None:
        """As above; every process must call it the same number of times."""
        return signal.SIGTERM if multihost_utils.reached_preemption_sync_point(next(_polls)) else None

    def _note(self, number: int, frame: FrameType | None) -> None:
        first = self.received is None
        super()._note(number, frame)
        if first:
            os.kill(os.getpid(), signal.SIGTERM)
