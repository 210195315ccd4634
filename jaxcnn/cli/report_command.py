"""The command `report`, and `--open` of a run."""

import argparse
from collections.abc import Callable
from typing import Any

from jaxcnn.config.experiment import load
from jaxcnn.errors import UsageError


def report(flags: argparse.Namespace) -> tuple[dict[str, Any], Callable[[dict[str, Any]], None]]:
    """Writes the page; the answer names the file."""
    from jaxcnn.cli.tables import show_fields
    from jaxcnn.runs import report as module

    folders = [*flags.workdir, *flags.folders]
    if not folders:
        raise UsageError("give --workdir=DIR, the folder of a run; several are shown beside each other.")
    path = module.report(folders, flags.output, open_page=flags.open)
    return {"report": str(path)}, show_fields


def open_report(workdir: str | None, summary: dict[str, Any]) -> None:
    """Opens the page of a run that has ended.

    Args:
      workdir: as it was given; None for the default.
      summary: of the run.
    """
    from jaxcnn.data.naming import short_name
    from jaxcnn.runs import report as module
    from jaxcnn.runs.folder import default_workdir, local_folder

    experiment = load(f"{summary['experiment']}:{summary['variant']}")
    default = default_workdir(experiment, short_name(summary["data"]), summary["rehearsal"])
    path = (local_folder(workdir) if workdir else default) / module.FILE
    if not path.exists():  # of an older version, or it couldn't be written
        module.report(path.parent)
    module.show(path)
