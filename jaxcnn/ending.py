"""SIGTERM and Ctrl-C where no training step has to be finished first: the process ends at once.

An exception raised by a handler could be lost: it comes up inside whatever runs just then, and JAX's cache and the
garbage collector's callbacks swallow what is raised in them. So the handler ends the process itself.

Python runs it in the main thread, and only between two steps of the interpreter: not while XLA compiles, which may take
a minute. A thread waits for such signals, too.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

WORDS = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}
PATIENCE_SECONDS = 1.0  # what the main thread has before the other one does it

_note = ""
_cleanups: list[Callable[[], object]] = []
_wakes: int | None = None  # a pipe's end, into which C writes the numbers of signals
_ending = threading.RLock()  # one thread does it; two signals may follow each other closely in that one


def install() -> None:
    """For a process that is ours alone; other programs that call us keep their own handlers."""
    global _wakes
    for number in WORDS:
        signal.signal(number, end)
    reader, _wakes = os.pipe()
    os.set_blocking(_wakes, False)
    threading.Thread(target=_wait, args=(reader,), daemon=True, name="jaxcnn-signals").start()
    watch(True)


def watch(on: bool) -> None:
    """Whether the thread minds signals: not while other handlers than `end` are set. For the main thread."""
    if _wakes is not None:
        signal.set_wakeup_fd(_wakes if on else -1, warn_on_full_buffer=False)


def _wait(reader: int) -> None:
    while woken := os.read(reader, 1):
        if woken[0] in WORDS:
            time.sleep(PATIENCE_SECONDS)
            _end(woken[0])


def say(note: str) -> None:
    """From now on the line that a signal leaves ends with this note."""
    global _note
    _note = note


@contextlib.contextmanager
def cleaning(action: Callable[[], object]) -> Iterator[None]:
    """Inside, a signal that ends the process calls `action` first: no `finally` would run."""
    _cleanups.append(action)
    try:
        yield
    finally:
        _cleanups.remove(action)


def end(number: int, frame: object) -> None:
    del frame
    for each in WORDS:  # a second signal doesn't wait for the cleaning
        signal.signal(each, signal.SIG_DFL)
    _end(number)


def _end(number: int) -> None:
    _ending.acquire()  # for good
    for action in reversed(_cleanups):
        with contextlib.suppress(Exception):
            action()
    shown = "\x1b[?25h\n" if os.isatty(2) else ""  # a live display has hidden the cursor, and stands in the last line
    with contextlib.suppress(OSError):
        os.write(2, f"{shown}launch.py: {WORDS[signal.Signals(number)]}{_note}\n".encode())
    os._exit(128 + number)
