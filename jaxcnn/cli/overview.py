"""The overview of `--help`."""

import textwrap

from jaxcnn.cli.command_table import COMMANDS, TRAINING
from jaxcnn.config.experiment import names
from jaxcnn.runtime import program

LONGEST_EXAMPLE = 32  # characters, so that a line of the overview has at most 120


def overview() -> str:
    """The overview of `--help`: an example of each command, the experiments, and the exit statuses."""
    rows = [
        (TRAINING.example, TRAINING.about),
        ("--exp=alexnet_2012 --dry-run", "Show what a run would need, without running it."),
        ("--list", "Show every experiment and variant."),
        *((command.example, command.about) for command in COMMANDS.values()),
    ]
    width = max(len(example) for example, _ in rows if len(example) <= LONGEST_EXAMPLE)
    beside = f"\n{'':{width + len(program.command()) + 5}}"  # what is said of a longer one comes below it
    return "\n".join(
        (
            "The papers that built convolutional networks, executable in JAX.",
            "",
            *(
                f"  {program.command()} {example:{width}}{'  ' if len(example) <= width else beside}{about}"
                for example, about in rows
            ),
            "",
            textwrap.fill(f"Experiments: {', '.join(names())}.", 100),
            "Each command takes --help, and --json for one JSON document on standard output.",
            "Exit status: 0 done; 1 failed; 2 wrong command or value; 3 data missing or damaged;",
            "4 the run stopped itself; 128 + the signal's number after a signal.",
        )
    )
