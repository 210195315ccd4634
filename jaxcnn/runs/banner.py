"""The box that announces a rehearsal, before and after it."""

import textwrap

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import has_path, value_at
from jaxcnn.config.serialize import to_json
from jaxcnn.data.datasets import data_set
from jaxcnn.data.preparation.choose import Choice
from jaxcnn.reporting.progress import Display

WIDTH = 78  # columns


def banner(display: Display, experiment: Experiment, choice: Choice) -> None:
    """Announces a rehearsal: what differs from the paper, what to compare its error with, how to get the data.

    Lines are at most 78 columns wide, except for single words and for commands, which people copy.
    """
    rehearsal = experiment.rehearsal
    if not choice.rehearsal or rehearsal is None:
        return
    # The values that the run has: a user's setting takes precedence, and a user's own network may lack a field.
    present = [path for path in rehearsal.overrides if has_path(experiment, path)]
    changes = ", ".join(f"{path}={to_json(value_at(experiment, path))}" for path in present)
    classes = data_set(choice.name).num_classes
    compare = [f"chance is {100 * (1 - 1 / classes):.0f} % test error", rehearsal.baseline]
    lines = (
        "=" * WIDTH,
        wrapped(f"REHEARSAL: this is {experiment.id} on {choice.name}, not on {experiment.data}."),
        f"Why: {choice.reason}",
        wrapped(f"Changed for it: {changes or 'nothing but the data'}"),
        wrapped(f"Compare with: {'; '.join(text for text in compare if text)}."),
        wrapped(f"Measured, without further settings: {rehearsal.measured}.") if rehearsal.measured else "",
        f"The real thing: {choice.how_to_get}",
        "=" * WIDTH,
    )
    display.message("\n".join(line for line in lines if line))


def wrapped(line: str) -> str:
    """The line wrapped to at most `WIDTH` columns; continuation lines are indented."""
    return textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
