"""The commands of the command line by their names, with what their help says."""

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

from jaxcnn.cli.commands import Answer, bench, describe, doctor, evaluate, import_weights, predict, prepare, train
from jaxcnn.cli.export_command import export
from jaxcnn.cli.flags import (
    BENCH,
    DESCRIBE,
    EVALUATE,
    EXPORT,
    FOLDERS,
    IMPORT,
    LOOK,
    PREDICT,
    PREPARE,
    REPORT,
    TRAIN,
    Flags,
)
from jaxcnn.cli.look_command import look
from jaxcnn.cli.report_command import report
from jaxcnn.errors import UsageError


class Command(NamedTuple):
    """A command of the command line.

    Attributes:
        job: takes the parsed flags; returns an `Answer`.
        about: a one-line description.
        flags: its flags besides --json.
        example: a command line without the name of the program.
    """

    job: Callable[[argparse.Namespace], Any]
    about: str
    flags: Flags
    example: str


COMMANDS = {
    "describe": Command(
        describe,
        "Show or draw a network; show the paper's claims and contradictions.",
        DESCRIBE,
        "describe --exp=alexnet_2012",
    ),
    "bench": Command(
        bench,
        "Time the train step on random input, and a data set's pipeline.",
        BENCH,
        "bench --exp=resnet_2015:50",
    ),
    "prepare": Command(prepare, "Write a TFDS data set, without TensorFlow.", PREPARE, "prepare --data=mnist"),
    "eval": Command(evaluate, "Measure the errors of a run's newest checkpoint.", EVALUATE, "eval --workdir=runs/DIR"),
    "predict": Command(
        predict,
        "Name the most probable classes of images.",
        PREDICT,
        "predict --workdir=runs/DIR IMAGE",
    ),
    "import-weights": Command(
        import_weights,
        "Make a run's folder of weights from elsewhere.",
        IMPORT,
        "import-weights --exp=vgg_2014 --from=FILE --workdir=runs/DIR",
    ),
    "look": Command(look, "Show what a network has learnt, and where it looks.", LOOK, "look --workdir=runs/DIR"),
    "export": Command(
        export,
        "Write a run's network as a file for other programs.",
        EXPORT,
        "export --workdir=runs/DIR --format=onnx --output=FILE",
    ),
    "report": Command(
        report,
        "Write a run's page, or several runs' beside each other.",
        REPORT,
        "report --workdir=runs/DIR",
    ),
    "doctor": Command(
        doctor,
        "Show devices, versions, compiler checks, data sets, decoding speed.",
        {"--data-dir": FOLDERS["--data-dir"]},
        "doctor",
    ),
}


def training(flags: argparse.Namespace) -> Answer:
    """What stands without a command's name: training, or `--list`."""
    if flags.exp is None and not flags.list:
        raise UsageError(f"give --exp=NAME, --list, or a command ({', '.join(COMMANDS)}).")
    return train(flags)


TRAINING = Command(
    training,
    "Train or resume, then evaluate by the paper's protocol.",
    TRAIN,
    "--exp=lenet5_1998",
)
