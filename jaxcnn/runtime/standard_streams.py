"""Handling of standard streams that are closed or can't be written.

For a closed stream, Python has None, to which it prints nothing, or prints to standard output in place of standard
error; and the next file that is opened gets the stream's number. Output that couldn't be written is tried again
when the process ends, with a traceback and status 120.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

from jaxcnn.errors import JaxcnnError, UsageError


def fill_closed() -> None:
    """Opens the null device for closed streams, so that no other file gets their numbers. To be called at start-up.

    They are closed again in a program that replaces this one, which then does the same; `sys.stdout` stays None.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        if number == 2:  # otherwise `print` would send this output to standard output
            sys.stderr = os.fdopen(number, "w", encoding="utf-8")
    os.close(number)


def share_with_children() -> None:
    """Lets child processes inherit all three streams, including those opened by `fill_closed`."""
    for number in range(3):
        os.set_inheritable(number, True)


def check_output() -> None:
    """Raises UsageError if standard output is closed, before a command computes a result that can't be printed."""
    if sys.stdout is None:
        raise UsageError("standard output is closed; leave it open, or send it to a file or to /dev/null.")


@contextlib.contextmanager
def reporting_failed_output() -> Iterator[None]:
    """Within this context, a failure to write to standard output becomes a JaxcnnError.

    Raises:
      JaxcnnError: standard output can't be written.
      BrokenPipeError: the reader closed the pipe, as `head` does.
    """
    try:
        try:
            yield
        finally:  # also after --help, where argparse raises SystemExit
            sys.stdout.flush()
    except BrokenPipeError:
        give_up(sys.stdout.fileno())
        raise
    except OSError as error:
        give_up(sys.stdout.fileno())
        raise JaxcnnError(
            f"the result can't be written to standard output: {error.strerror}; send it elsewhere, or make room."
        ) from error


def say(text: str) -> None:
    """Prints a line to standard error; a failure to write is ignored."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def settle() -> None:
    """Flushes both output streams at the end of the program; output that can't be written is dropped."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            give_up(number)


def give_up(number: int) -> None:
    """Redirects a stream, with its unwritten output, to the null device."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
