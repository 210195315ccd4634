"""The signals that end a run, and what they do where no training step has to be finished first: end at once.

SIGTERM and Ctrl-C come from a person, or from a machine that is shut down; SIGHUP from a terminal that is gone, as when
an ssh connection is lost; SIGUSR1 from SLURM some time before the end of a job (`--signal=USR1@120`). In training each
of them lets the state be saved first (`runs.interrupt`). The exit status is 128 + the signal's number: 143, 130,
129, and on Linux 138. SIGHUP and SIGUSR1 are left alone where somebody else has a use for them: under `nohup`, which
ignores SIGHUP, and in a program with a handler of its own.

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

from jaxcnn.runtime import program

INSISTENT = (signal.SIGTERM, signal.SIGINT)  # a second one means: now
WORDS = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"} | {
    getattr(signal, name): word  # Windows has neither
    for name, word in (("SIGHUP", "ended by SIGHUP"), ("SIGUSR1", "ended by SIGUSR1"))
    if hasattr(signal, name)
}
PATIENCE_SECONDS = 1.0  # what the main thread has before the other one does it

_note = ""
_cleanups: list[Callable[[], object]] = []
_wakes: int | None = None  # a pipe's end, into which C writes the numbers of signals
_ending = threading.RLock()  # one thread does it; two signals may follow each other closely in that one


def install() -> None:
    """For a process that is ours alone; other programs that call us keep their own handlers."""
    global _wakes
    for number in caught():
        signal.signal(number, end)
    reader, _wakes = os.pipe()
    os.set_blocking(_wakes, False)
    threading.Thread(target=_wait, args=(reader,), daemon=True, name="jaxcnn-signals").start()
    watch(True)


def caught() -> tuple[signal.Signals, ...]:
    """The signals that are ours: SIGTERM and SIGINT always, the others where nobody has set anything for them."""
    free = (signal.SIG_DFL, end)
    return tuple(number for number in WORDS if number in INSISTENT or signal.getsignal(number) in free)


def watch(on: bool) -> None:
    """Whether the thread minds signals: not while SIGTERM and SIGINT have other handlers. For the main thread."""
    if _wakes is not None:
        signal.set_wakeup_fd(_wakes if on else -1, warn_on_full_buffer=False)


def _wait(reader: int) -> None:
    while woken := os.read(reader, 1):
        if woken[0] in WORDS and (woken[0] in INSISTENT or signal.getsignal(woken[0]) is end):
            time.sleep(PATIENCE_SECONDS)
            _end(woken[0])


def set_exit_note(note: str) -> None:
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
    for each in caught():  # a second signal doesn't wait for the cleaning
        signal.signal(each, signal.SIG_DFL)
    _end(number)


def _end(number: int) -> None:
    _ending.acquire()  # for good
    for action in reversed(_cleanups):
        with contextlib.suppress(Exception):
            action()
    shown = "\x1b[?25h\n" if os.isatty(2) else ""  # a live display has hidden the cursor, and stands in the last line
    with contextlib.suppress(OSError):
        os.write(2, f"{shown}{program.name()}: {WORDS[signal.Signals(number)]}{_note}\n".encode())
    os._exit(128 + number)
