"""The main function of the command line: parses the flags, runs one command, returns the exit status."""

import argparse
import difflib
import signal
import sys
import traceback
from collections.abc import Sequence

from jaxcnn.cli.command_table import COMMANDS, TRAINING, Command
from jaxcnn.cli.flags import Parser, reporting_missing_platform
from jaxcnn.cli.json_text import json_text
from jaxcnn.cli.overview import overview
from jaxcnn.cli.startup import make_ready
from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.runtime import host_memory, program, standard_streams


def parse(arguments: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """The command that the arguments name, and the values of its flags. Raises UsageError."""
    name = arguments[0] if arguments and not arguments[0].startswith("-") else None
    if name is not None and name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"there is no command {name!r}; {hint}Allowed: --exp=NAME, {', '.join(COMMANDS)}.")
    command = COMMANDS[name] if name else TRAINING
    parser = Parser(
        prog=f"{program.name()} {name}" if name else program.name(),
        description=command.about,
        appendix="" if name else overview(),
    )
    for flag, options in command.flags.items():
        parser.add_argument(flag, **options)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return command, parser.parse(arguments[1:] if name else arguments)


def run(arguments: Sequence[str]) -> None:
    """Runs one command. Its result goes to standard output, everything else to standard error.

    Raises:
      JaxcnnError: the command failed, or its result isn't all that was asked for, as `predict` of a damaged image.
    """
    with standard_streams.reporting_failed_output():  # --help prints here
        command, flags = parse(arguments)
    with reporting_missing_platform():
        answer, show, *failed = command.job(flags)
    if answer is None:  # another process prints the result
        return
    with standard_streams.reporting_failed_output():
        if flags.json:
            print(json_text(answer))
        else:
            show(answer)
    if any(failed):
        raise failed[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that the arguments name; by default those of the process.

    Without arguments it prints the overview to standard error and returns status 2, so that a script whose arguments
    got lost doesn't appear to succeed.

    Returns:
      The exit status; docs/running.md explains each.
    """
    from jaxcnn.parallel import processes

    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        standard_streams.check_output()
        make_ready()
        host_memory.keep_freed_memory()
        if not arguments:
            standard_streams.say(overview())
            return UsageError.exit_status
        run(arguments)
    except JaxcnnError as error:
        standard_streams.say(f"{program.name()}: {error}")
        return processes.leave(error.exit_status, wait=not isinstance(error, processes.LostProcessError))
    except KeyboardInterrupt:  # inside another program, where our signal handlers aren't installed
        standard_streams.say(f"{program.name()}: interrupted")
        return processes.leave(128 + signal.SIGINT)
    except BrokenPipeError:  # the reader of our output closed the pipe
        return 1
    except Exception:
        if not processes.connected():
            raise
        traceback.print_exc()
        return processes.leave(1)
    finally:
        standard_streams.settle()
    return processes.leave(0)
