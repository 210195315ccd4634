"""SIGTERM and Ctrl-C let the step in progress finish, so that its state can be saved."""

import signal
import threading
from types import FrameType

CAUGHT = (signal.SIGTERM, signal.SIGINT)


class Interrupts:
    """While entered, the first signal is only noted in `received`; a second one acts at once, as usual."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python can't set handlers
            self._previous = {number: signal.signal(number, self._note) for number in CAUGHT}
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.received = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]
        self._previous = {}

    def __exit__(self, *exception: object) -> None:
        self._restore()
