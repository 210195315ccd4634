"""The errors that a person can mend, each with the exit status that `launch.py` gives it.

Everything else that goes wrong is a defect of ours (or of the machine) and keeps its traceback.
"""

import difflib


class JaxcnnError(Exception):
    """An error whose message says what is wrong, what is allowed and what to do, in one line."""

    exit_status = 1


class UsageError(JaxcnnError):
    """The command, or a value in it, is wrong."""

    exit_status = 2


class DataMissingError(JaxcnnError):
    """The data isn't there, or what is there can't be used: the message names the file."""

    exit_status = 3


class RunStoppedError(JaxcnnError):
    """The run stopped itself: the loss is not finite, or too many images are corrupt."""

    exit_status = 4


class RunInterruptedError(JaxcnnError):
    """A signal ended the run, after its state was saved."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + signal_number


def nearest(wrong: str, allowed: list[str]) -> str:
    """The end of an error message: the nearest allowed word, if one is near, and all of them."""
    near = difflib.get_close_matches(wrong, allowed, n=1)
    question = f"did you mean {near[0]!r}? " if near else ""
    return f"{question}Allowed: {', '.join(allowed)}."


def first_line(error: BaseException) -> str:
    """Of its message, or its name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
