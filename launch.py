"""The command line: `python launch.py --exp=alexnet_2012`. Parses flags, loads the experiment, calls one job."""

import argparse
import difflib
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence


def end_at_once(number: int, frame: object) -> None:
    """A signal during the imports, before `jaxcnn.ending` is there."""
    del frame
    os.write(2, f"launch.py: {'terminated' if number == signal.SIGTERM else 'interrupted'}\n".encode())
    os._exit(128 + number)


if __name__ == "__main__":  # first of all: the imports take seconds
    signal.signal(signal.SIGTERM, end_at_once)
    signal.signal(signal.SIGINT, end_at_once)

from jaxcnn import host_memory  # noqa: E402  (after the handlers are set; it imports no library)

if __name__ == "__main__":
    host_memory.start_again(__file__)

from jaxcnn import ending  # noqa: E402
from jaxcnn.command_line import Parser, missing_platform_is_told  # noqa: E402
from jaxcnn.commands import COMMANDS, TRAINING, Command  # noqa: E402
from jaxcnn.errors import JaxcnnError, UsageError  # noqa: E402
from jaxcnn.surroundings import make_ready  # noqa: E402


def parse(arguments: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """The command that the arguments name, and its flags. Raises UsageError."""
    name = arguments[0] if arguments and not arguments[0].startswith("-") else None
    if name is not None and name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"there is no command {name!r}; {hint}Allowed: --exp=NAME, {', '.join(COMMANDS)}.")
    command = COMMANDS[name] if name else TRAINING
    parser = Parser(prog=f"launch.py {name}" if name else "launch.py", description=command.about)
    for flag, options in command.flags.items():
        parser.add_argument(flag, **options)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return command, parser.parse(arguments[1:] if name else arguments)


def run(arguments: Sequence[str]) -> None:
    """Runs one command; what it answers goes to standard output, everything else to standard error."""
    command, flags = parse(arguments)
    with missing_platform_is_told():
        answer, show = command.job(flags)
    if answer is None:  # another process says it
        return
    if flags.json:
        print(json.dumps(answer, indent=2, allow_nan=False))
    else:
        show(answer)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: see the command line's table in the README."""
    from jaxcnn.training import processes

    try:
        make_ready()
        host_memory.keep_freed_memory()
        run(sys.argv[1:] if arguments is None else arguments)
    except JaxcnnError as error:
        print(f"launch.py: {error}", file=sys.stderr)
        return processes.leave(error.exit_status, wait=not isinstance(error, processes.LostProcessError))
    except KeyboardInterrupt:  # where `ending` isn't installed: in another program
        print("launch.py: interrupted", file=sys.stderr)
        return processes.leave(128 + signal.SIGINT)
    except BrokenPipeError:  # the reader of our output left
        sys.stderr.close()
        return 1
    except Exception:
        if not processes.connected():
            raise
        traceback.print_exc()
        return processes.leave(1)
    return processes.leave(0)


if __name__ == "__main__":
    ending.install()
    sys.exit(main())
