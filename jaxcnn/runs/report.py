"""The report of runs: one page of HTML, made of what their folders hold.

    jaxcnn.report("runs/first")                                  # runs/first/report.html
    jaxcnn.report(["runs/seed-0", "runs/seed-1"], "seeds.html")   # beside each other

A folder is read without its lock, so also while its run goes on.
"""

import contextlib
import json
import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import UsageError
from jaxcnn.reporting.pages.page import write_page
from jaxcnn.reporting.record import read_events
from jaxcnn.reporting.run_page.compose import compose
from jaxcnn.reporting.run_page.content import RunContent
from jaxcnn.runs import repeat
from jaxcnn.runs.comparison import comparison
from jaxcnn.runs.departures import departures
from jaxcnn.runs.folder import local_folder
from jaxcnn.runs.kept_evaluation import layers, read_kept
from jaxcnn.runs.length import Length
from jaxcnn.runs.same_run import CONTENT
from jaxcnn.runs.trained import rebuild, saved_experiment
from jaxcnn.runtime.paths import expanded

FILE = "report.html"
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # one of them is set where a page can be shown


def report(
    workdirs: str | Path | Sequence[str | Path],
    output: str | Path | None = None,
    *,
    experiment: Experiment | None = None,
    open_page: bool = False,
) -> Path:
    """Writes the report of a run, or of several beside each other.

    Args:
      workdirs: the folders of the runs: finished, going, interrupted, or of imported weights.
      output: the file; by default report.html in the run's folder, or for several runs in the current one.
      experiment: only for a run that was made from an experiment that isn't a file in `experiments/`, for what it
        hasn't kept itself.
      open_page: whether to open the page in a browser.

    Returns:
      The file.

    Raises:
      UsageError: a folder holds no run, or the file can't be written.
      JaxcnnError: a file in a folder is damaged.
    """
    given = [workdirs] if isinstance(workdirs, str | Path) else list(workdirs)
    if not given:
        raise UsageError("workdirs is empty; give at least one run's folder.")
    folders = list(dict.fromkeys(map(local_folder, given)))
    short = len({folder.name for folder in folders}) == len(folders)
    runs = [
        read_run(folder, called=folder.name if short and len(folders) > 1 else str(folder), experiment=experiment)
        for folder in folders
    ]
    default = folders[0] / FILE if len(folders) == 1 else Path(FILE)
    path = Path(expanded(output, "--output")) if output else default
    write_page(path, compose(runs))
    if open_page:
        show(path)
    return path


def show(path: Path) -> None:
    """Opens a page in the browser, where there is a display; one in a terminal would take that over."""
    if sys.platform.startswith("linux") and not any(map(os.environ.get, DISPLAYS)):
        return
    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(path.resolve().as_uri())


def read_run(folder: Path, *, called: str, experiment: Experiment | None = None) -> RunContent:
    """What a report needs of a run's folder.

    Args:
      folder: of the run.
      called: its name in the report.
      experiment: as it ran, where that is known.
    """
    saved = saved_experiment(folder)
    around = json.loads((folder / "experiment.json").read_text(encoding="utf-8"))
    summary = _summary(folder)
    kept = read_kept(folder, summary["steps"]) if summary is not None else None
    experiment = experiment or _rebuilt(saved)
    events = read_events(folder / "metrics.jsonl")
    planned = _planned(experiment, saved)
    steps = summary["steps"] if summary is not None else None
    content = RunContent(
        folder=called,
        experiment=saved,
        versions=around.get("versions", {}),
        commit=around.get("commit"),
        imported=around.get("imported"),
        events=events,
        summary=summary,
        evaluation=kept,
        layers=kept["layers"] if kept is not None else experiment and layers(experiment),
        paper=kept["paper"] if kept is not None else experiment and _paper(experiment),
        compared=summary.get("comparison", []) if summary is not None else [],
        departures=_departures(experiment, saved, steps, planned),
        planned=planned,
        commands=repeat.commands(
            experiment,
            saved,
            folder=str(folder),
            commit=around.get("commit"),
            imported=around.get("imported"),
            steps=None if steps == planned else steps,
        ),
    )
    if summary is not None or experiment is None:
        return content
    return _compared(content, experiment)


def _compared(content: RunContent, experiment: Experiment) -> RunContent:
    """With the newest errors so far beside the paper's."""
    found = comparison(experiment, content.experiment["data"], content.newest)
    return RunContent(**{**vars(content), "compared": found})


def _summary(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        return found if {"steps", "evaluation", "seconds", "examples"} <= found.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _rebuilt(saved: dict[str, Any]) -> Experiment | None:
    try:
        return rebuild(saved)
    except UsageError:  # made from an experiment that isn't in `experiments/`
        return None


def _planned(experiment: Experiment | None, saved: dict[str, Any]) -> int | None:
    images = (saved.get(CONTENT) or {}).get("train", {}).get("images")
    return None if experiment is None or images is None else Length.of(experiment, images).planned


def _departures(
    experiment: Experiment | None, saved: dict[str, Any], steps: int | None, planned: int | None
) -> list[str] | None:
    if experiment is None:
        return None
    return departures(experiment, data=saved["data"], rehearsal=saved["rehearsal"], stop=steps, planned=planned)


def _paper(experiment: Experiment) -> dict[str, Any]:
    return {name: getattr(experiment.paper, name) for name in ("title", "authors", "year", "venue")}
