"""How a process of ours begins: `python launch.py` in a checkout; `jaxcnn` and `python -m jaxcnn` where it's installed.

What is imported here comes before the libraries, whose import takes seconds, and imports none of them.
"""

import sys
from typing import NoReturn

from jaxcnn.runtime import host_memory, program, signals, standard_streams


def start(name: str, command: str, *typed: str) -> NoReturn:
    """Runs the command that the process was started with, and ends it with the command's exit status.

    Args:
      name, command: as for `program.started_as`.
      typed: what follows Python and its options where the process was started in this way: a script's path, or
        "-m" and a module. Started in another way, as by a debugger, it isn't started again with large pages.
    """
    program.started_as(name, command)
    standard_streams.fill_closed()
    signals.install()
    host_memory.start_again(typed)
    standard_streams.share_with_children()
    from jaxcnn.cli.main import main

    sys.exit(main())


def console() -> NoReturn:
    """The console script `jaxcnn`."""
    start("jaxcnn", "jaxcnn", sys.argv[0])


if __name__ == "__main__":
    start("jaxcnn", "python -m jaxcnn", "-m", "jaxcnn")
