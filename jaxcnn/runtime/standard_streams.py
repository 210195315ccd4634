"""Standard input, output and error that are closed, full, or gone.

Python gives a closed one as None, prints to it nothing, prints what is meant for a closed standard error to standard
output, and hands its number to the next file that is opened. What couldn't be written is tried again when the process
ends, with a traceback and status 120.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

from jaxcnn.errors import JaxcnnError, UsageError


def fill_closed() -> None:
    """Gives the numbers of closed streams to the null device, so that no file of ours gets one. For a program's start.

    They are closed again in a program that replaces this one, which then does the same; `sys.stdout` stays None.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        if number == 2:  # nothing can be said; what `print` is told to send there must not go to standard output
            sys.stderr = os.fdopen(number, "w", encoding="utf-8")
    os.close(number)


def share_with_children() -> None:
    """Processes that this one starts get the three streams, as ever: also those that `fill_closed` has filled."""
    for number in range(3):
        os.set_inheritable(number, True)


def check_output() -> None:
    """Raises UsageError where standard output is closed, before a command works for an answer that nobody can get."""
    if sys.stdout is None:
        raise UsageError("standard output is closed; leave it open, or send it to a file or to /dev/null.")


@contextlib.contextmanager
def reporting_failed_output() -> Iterator[None]:
    """Inside, what is printed is the answer: that it can't be written becomes a JaxcnnError.

    Raises:
      BrokenPipeError: the reader left, as `head` does, and wants to hear no more.
    """
    try:
        try:
            yield
        finally:  # argparse ends the process after --help
            sys.stdout.flush()
    except BrokenPipeError:
        give_up(sys.stdout.fileno())
        raise
    except OSError as error:
        give_up(sys.stdout.fileno())
        raise JaxcnnError(
            f"the answer can't be written to standard output: {error.strerror}; send it elsewhere, or make room."
        ) from error


def say(text: str) -> None:
    """A line on standard error, where it can be written."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def settle() -> None:
    """Flushes both streams at a program's end; what can't be written is dropped."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            give_up(number)


def give_up(number: int) -> None:
    """Sends what is still to be written to this stream to the null device."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
