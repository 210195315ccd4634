"""Several runs side by side, and their mean and spread where they differ in the seed alone."""

import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from jaxcnn.reporting.pages.page import Section, table
from jaxcnn.reporting.run_page.content import RunContent
from jaxcnn.reporting.run_page.headline import ERRORS, cautions, difference, paper, percent
from jaxcnn.reporting.run_page.origin import seconds

# What tells runs of one experiment apart that are to be averaged.
OF_A_SEED = {"seed"}


def side_by_side(runs: Sequence[RunContent]) -> Section:
    """A row for each run and protocol, then what must be known before they are compared."""
    rows: list[list[Any]] = []
    for run in runs:
        time = seconds(run.summary["seconds"]) if run.summary is not None else "not finished"
        about = [run.folder, run.title, str(run.experiment.get("seed", "–")), f"{run.step:,}"]
        for protocol, metrics in run.newest.items():
            entry = next((found for found in run.compared if found["protocol"] == protocol), None)
            errors = [percent(metrics[error]) for error in ERRORS]
            figure = entry and (entry["top1_error"] or entry["top5_error"])
            rows.append([*about, protocol, *errors, paper(figure), difference(figure), time])
        if not run.newest:
            rows.append([*about, "–", "–", "–", "–", "", time])
    header = ["run", "experiment", "seed", "steps", "protocol", "top-1 error", "top-5 error", "the paper's"]
    header += ["difference", "time"]
    listed = table(header, rows, label="Runs side by side", numeric=[2, 3, 5, 6, 7, 8])
    said: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        for line in cautions(run):
            said[line].append(run.folder)
    notes = [Markup('<p class="note">{}: {}</p>').format(", ".join(names), line) for line, names in said.items()]
    return Section("Side by side", listed + Markup("").join(notes))


def over_seeds(runs: Sequence[RunContent]) -> list[Section]:
    """Mean and standard deviation of the finished runs that differ in their seed alone; none where all differ more."""
    rows = []
    for group in groups(runs):
        for protocol in group[0].newest:
            for error, name in ERRORS.items():
                found = [run.newest[protocol][error] for run in group if protocol in run.newest]
                spread = f"{statistics.stdev(found):.2f}" if len(found) > 1 else "–"
                ends = f"{min(found):.2f} – {max(found):.2f} %"
                mean = f"{statistics.fmean(found):.2f} %"
                rows.append([group[0].title, f"{protocol}, {name}", mean, spread, ends, str(len(found))])
    if not rows:
        return []
    header = ["experiment", "error", "mean", "standard deviation", "from – to", "n"]
    text = "Finished runs of the same experiment, data and steps, with different seeds; the deviation is the sample's."
    listed = table(header, rows, label="Errors over seeds", numeric=[2, 3, 4, 5])
    return [Section("Over seeds", Markup("<p>{}</p>").format(text) + listed)]


def groups(runs: Sequence[RunContent]) -> list[list[RunContent]]:
    """The finished runs that are the same but for the seed, where there are at least two seeds."""
    found: dict[str, dict[Any, RunContent]] = defaultdict(dict)
    for run in runs:
        if run.summary is not None:
            known = {name: value for name, value in run.experiment.items() if name not in OF_A_SEED}
            key = json.dumps([known, run.summary["steps"]], sort_keys=True)
            found[key][run.experiment.get("seed")] = run  # one run of a seed counts
    return [list(group.values()) for group in found.values() if len(group) > 1]
