"""SIGTERM and Ctrl-C where no training step has to be finished first: the process ends at once.

An exception raised by a handler could be lost: it comes up inside whatever runs just then, and JAX's cache and the
garbage collector's callbacks swallow what is raised in them. So the handler ends the process itself.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator

WORDS = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}

_note = ""
_cleanups: list[Callable[[], object]] = []


def install() -> None:
    """For a process that is ours alone; other programs that call us keep their own handlers."""
    for number in WORDS:
        signal.signal(number, end)


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
    for action in reversed(_cleanups):
        with contextlib.suppress(Exception):
            action()
    shown = "\x1b[?25h\n" if os.isatty(2) else ""  # a live display has hidden the cursor, and stands in the last line
    with contextlib.suppress(OSError):
        os.write(2, f"{shown}launch.py: {WORDS[signal.Signals(number)]}{_note}\n".encode())
    os._exit(128 + number)
