"""Handlers that end the process at once on a signal. During training, `runs.interrupt` saves the state first.

SIGTERM and SIGINT come from a person or a shutdown, SIGHUP from a closed terminal or a lost ssh connection, and SIGUSR1
from SLURM some time before the end of a job (`--signal=USR1@120`). The exit status is 128 + the signal's number: 143,
130, 129, and on Linux 138. SIGHUP and SIGUSR1 keep an existing setting, such as that of `nohup`, which ignores SIGHUP.

The handler ends the process itself, because an exception could be lost: it would be raised in whatever code is running,
and JAX's cache and callbacks of the garbage collector suppress exceptions.

Python runs handlers in the main thread and only between two instructions of the interpreter, not while XLA compiles,
which may take a minute. A second thread therefore waits for signals too.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

from jaxcnn.runtime import program

INSISTENT = (signal.SIGTERM, signal.SIGINT)  # the second one ends the process at once
WORDS = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"} | {
    getattr(signal, name): word  # Windows has neither
    for name, word in (("SIGHUP", "ended by SIGHUP"), ("SIGUSR1", "ended by SIGUSR1"))
    if hasattr(signal, name)
}
PATIENCE_SECONDS = 1.0  # how long the second thread waits for the main thread to end the process

_note = ""
_cleanups: list[Callable[[], object]] = []
_wakes: int | None = None  # the end of a pipe to which Python's C handler writes the numbers of signals
_ending = threading.RLock()  # for the thread that ends the process; reentrant, as a second signal may follow in it


def install() -> None:
    """Installs the handlers. Only for our own command line: programs that import us keep their handlers."""
    global _wakes
    for number in caught():
        signal.signal(number, end)
    reader, _wakes = os.pipe()
    os.set_blocking(_wakes, False)
    threading.Thread(target=_wait, args=(reader,), daemon=True, name="jaxcnn-signals").start()
    watch(True)


def caught() -> tuple[signal.Signals, ...]:
    """The signals to handle: SIGTERM and SIGINT always, the others unless they have another setting."""
    free = (signal.SIG_DFL, end)
    return tuple(number for number in WORDS if number in INSISTENT or signal.getsignal(number) in free)


def watch(on: bool) -> None:
    """Turns the second thread on or off; off while SIGTERM and SIGINT have other handlers. Main thread only."""
    if _wakes is not None:
        signal.set_wakeup_fd(_wakes if on else -1, warn_on_full_buffer=False)


def _wait(reader: int) -> None:
    while woken := os.read(reader, 1):
        if woken[0] in WORDS and (woken[0] in INSISTENT or signal.getsignal(woken[0]) is end):
            time.sleep(PATIENCE_SECONDS)
            _end(woken[0])


def set_exit_note(note: str) -> None:
    """Sets the end of the message that is printed when a signal ends the process."""
    global _note
    _note = note


@contextlib.contextmanager
def cleaning(action: Callable[[], object]) -> Iterator[None]:
    """Within this context, a signal calls `action` before it ends the process, in which no `finally` runs."""
    _cleanups.append(action)
    try:
        yield
    finally:
        _cleanups.remove(action)


def end(number: int, frame: object) -> None:
    """The handler: runs the clean-up actions, prints a message and ends the process."""
    del frame
    for each in caught():  # a second signal doesn't wait for the clean-up
        signal.signal(each, signal.SIG_DFL)
    _end(number)


def _end(number: int) -> None:
    _ending.acquire()  # never released
    for action in reversed(_cleanups):
        with contextlib.suppress(Exception):
            action()
    shown = "\x1b[?25h\n" if os.isatty(2) else ""  # shows the cursor, which a live display hides, below its last line
    with contextlib.suppress(OSError):
        os.write(2, f"{shown}{program.name()}: {WORDS[signal.Signals(number)]}{_note}\n".encode())
    os._exit(128 + number)
