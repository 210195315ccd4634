"""The errors that a user can correct, each with the exit status of the command line.

Any other exception is a defect of this project or of the machine and keeps its traceback.
"""

import difflib


class JaxcnnError(Exception):
    """An error with a one-line message that says what is wrong, what is allowed and what to do."""

    exit_status = 1


class UsageError(JaxcnnError):
    """The command or one of its values is wrong."""

    exit_status = 2


class DataMissingError(JaxcnnError):
    """Data is missing or can't be used; the message names the file."""

    exit_status = 3


class RunStoppedError(JaxcnnError):
    """The run stopped itself, because the loss is not finite or images are damaged."""

    exit_status = 4


class RunInterruptedError(JaxcnnError):
    """A signal ended the run after its state was saved."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + signal_number


class DamagedCheckpointWarning(UserWarning):
    """A checkpoint is damaged, and the one before it was read instead."""


def nearest(wrong: str, allowed: list[str]) -> str:
    """The end of an error message: a suggestion, if an allowed word is similar, and all allowed words."""
    near = difflib.get_close_matches(wrong, allowed, n=1)
    question = f"did you mean {near[0]!r}? " if near else ""
    return f"{question}Allowed: {', '.join(allowed)}."


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, or the name of its type if the message is empty."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
