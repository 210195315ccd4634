"""The command `describe`: a description on standard output, or the network's drawing or a page with both in a file."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxcnn.cli.description_table import show_description
from jaxcnn.cli.tables import console
from jaxcnn.config.experiment import Experiment
from jaxcnn.data.image_files import printable
from jaxcnn.errors import UsageError
from jaxcnn.runtime.paths import expanded


def check_one_form(flags: argparse.Namespace) -> None:
    """Raises UsageError where the flags ask for more than one form of the answer."""
    given = [name for name in ("--json", "--html", "--svg") if getattr(flags, name.removeprefix("--"))]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other; give one of them for each call.")


def describe(flags: argparse.Namespace, experiment: Experiment) -> tuple[Any, Callable[[Any], None]]:
    """What the flags ask for, and how to show it. Raises UsageError where a file can't be written."""
    from jaxcnn.analysis.describe import describe

    if flags.svg:
        from jaxcnn.inspection.drawing import draw

        return written("--svg", flags.svg, draw(experiment), experiment), show_file
    description = describe(experiment)
    if flags.html:
        from jaxcnn.cli.description_page import description_page
        from jaxcnn.inspection.drawing import draw

        return written("--html", flags.html, description_page(description, draw(experiment)), experiment), show_file
    return description, show_description


def written(flag: str, given: str, content: str, experiment: Experiment) -> dict[str, Any]:
    """What there is to say of a file, after writing it where the flag says."""
    from jaxcnn.reporting.pages.page import write_page

    file = expanded(given, flag)
    write_page(Path(file), content)
    return {"experiment": experiment.name, "variant": experiment.variant, "file": file, "bytes": len(content.encode())}


def show_file(answer: dict[str, Any]) -> None:
    """Shows where the drawing or the page is."""
    size = f"{answer['bytes'] / 1024:,.0f} KiB"
    console().print(f"{printable(answer['file'])}: {answer['experiment']}:{answer['variant']}, {size}", soft_wrap=True)
