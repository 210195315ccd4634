"""The head of a report: what ran, how well, beside what the paper says, and in what it isn't the paper's run."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from jaxcnn.reporting.pages.page import Section, table
from jaxcnn.reporting.run_page.content import RunContent

ERRORS = {"top1_error": "top-1", "top5_error": "top-5"}


def lead(run: RunContent) -> Markup:
    """The headline, and a note for each thing that a reader must know before comparing."""
    parts = [Markup('<p class="headline">{}</p>').format(headline(run))]
    parts += [Markup('<p class="note">{}</p>').format(line) for line in cautions(run)]
    return Markup("").join(parts)


def headline(run: RunContent) -> str:
    """One line: our error, the paper's and the difference."""
    if not run.newest:
        return "No evaluation yet." if run.imported is None else "Imported weights; nothing was trained here."
    protocol, metrics = next(iter(run.newest.items()))
    entry = next((found for found in run.compared if found["protocol"] == protocol), None)
    name = "top1_error" if entry is None or entry["top1_error"] else "top5_error"
    line = f"{metrics[name]:.2f} % {ERRORS[name]} error ({protocol})"
    if entry is None:
        return f"{line}; the paper has no figure for this."
    figure = entry[name]
    return f"{line}; the paper: {figure['paper']:g} % ({entry['source']}); difference {signed(figure['difference'])}."


def signed(difference: float) -> str:
    """Percentage points with their sign.

    >>> signed(-0.084), signed(1.25)
    ('−0.08', '+1.25')
    """
    return f"{difference:+.2f}".replace("-", "−")


def cautions(run: RunContent) -> list[str]:
    """Why the numbers mustn't be taken for the paper's run, each a sentence."""
    lines = []
    if run.experiment.get("rehearsal"):
        lines.append(f"A rehearsal: it ran on {run.experiment['data']}, which stands in for the paper's data.")
    if run.departures:
        lines.append(f"Not as in the paper: {'; '.join(run.departures)}.")
    if run.summary is None and run.imported is None:
        of = f" of {run.planned:,}" if run.planned else ""
        lines.append(f"Not finished: step {run.step:,}{of}. The errors are those of the newest evaluation so far.")
    stopped = run.named("stopped")
    if stopped and run.summary is None:
        lines.append(f"It stopped itself near step {stopped[-1]['step']:,}: the loss was not finite.")
    return lines


def beside_the_paper(run: RunContent) -> Section:
    """A table of our errors and the paper's for the same variant, data set and protocol."""
    rows: list[list[Any]] = []
    for protocol, metrics in run.newest.items():
        rows.append(["ours", protocol, *(percent(metrics[error]) for error in ERRORS), *spread(metrics)])
        for entry in run.compared:
            if entry["protocol"] == protocol:
                rows.append([f"the paper, {entry['source']}", protocol, *(paper(entry[error]) for error in ERRORS)])
                rows[-1] += ["", ""]
                rows.append(["difference", protocol, *(difference(entry[error]) for error in ERRORS), "", ""])
    header = ["", "protocol", "top-1 error", "top-5 error", "loss", "images"]
    body = table(header, rows, label="Our errors and the paper's", numeric=[2, 3, 4, 5]) if rows else Markup("")
    source = Markup("")
    if run.paper is not None:
        names = f"{run.paper['authors']}, “{run.paper['title']}”, {run.paper['venue']}, {run.paper['year']}."
        source = Markup('<p class="muted">{}</p>').format(names)
    return Section("Beside the paper", body + source)


def spread(metrics: Mapping[str, Any]) -> list[str]:
    """The cells behind the errors."""
    return [f"{metrics['loss']:.4f}" if metrics.get("loss") is not None else "–", f"{metrics['count']:,}"]


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} %"


def paper(figure: Mapping[str, float] | None) -> str:
    return "–" if figure is None else f"{figure['paper']:g} %"


def difference(figure: Mapping[str, float] | None) -> Markup | str:
    """Green where ours is at most the paper's, red where it is more."""
    if figure is None:
        return ""
    kind = "good" if figure["difference"] <= 0 else "bad"
    return Markup('<span class="{}">{}</span>').format(kind, signed(figure["difference"]))
