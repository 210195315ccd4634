"""The command `import-weights`."""

import argparse
from collections.abc import Callable
from typing import Any

from jaxcnn.config.experiment import load
from jaxcnn.config.overrides import override
from jaxcnn.errors import JaxcnnError
from jaxcnn.reporting.progress import Display

Answer = tuple[Any, Callable[[Any], None], JaxcnnError | None]


def import_weights(flags: argparse.Namespace, display: Display) -> Answer:
    from jaxcnn.interop import import_weights as module

    experiment = override(load(flags.exp), *flags.set)
    try:
        file, advance = vars(flags)["from"], display.advance
        answer = module.import_weights(experiment, file, flags.workdir, zeros=flags.zeros, progress=advance)
        return answer, show_import, None
    except module.WeightsDontFitError as error:  # with --json the answer lists what doesn't fit, too
        return error.answer, lambda answer: None, error


def show_import(answer: dict[str, Any]) -> None:
    """Shows what was taken, what was adapted, and what to do next."""
    print(f"{answer['workdir']}: {answer['experiment']}:{answer['variant']} with {answer['loaded']} arrays", end=" ")
    print(f"from {answer['from']} ({answer['format']}, names of {answer['family']})")
    for sentence in answer["adapted"]:
        print(f"- {sentence}")
    shown = ", ".join(f"{name} {value}" for name, value in answer["preprocessing"].items())
    print(f"preprocessing: {shown}")
