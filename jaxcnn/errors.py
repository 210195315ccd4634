"""The errors that a person can mend, each with the exit status that `launch.py` gives it.

Everything else that goes wrong is a defect of ours (or of the machine) and keeps its traceback.
"""


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
    """The run stopped itself: the loss is not finite, or too many pictures are corrupt."""

    exit_status = 4


class RunInterruptedError(JaxcnnError):
    """A signal ended the run, after its state was saved."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + signal_number
