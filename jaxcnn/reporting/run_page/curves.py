"""The curves of a run or of several: loss, error, learning rate, and where the time of a step goes."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from jaxcnn.reporting.charts.line_chart import MOST, Series, line_chart
from jaxcnn.reporting.pages.page import Section, figure, table
from jaxcnn.reporting.run_page.content import Event, RunContent

SPLIT = {"waiting_ms": "waiting for data", "transfer_ms": "transfer", "compute_ms": "compute"}
ROWS = 500  # of a table of values


def curves(runs: Sequence[RunContent]) -> Section:
    """The charts, and the values that they show. Of several runs each has a colour."""
    if not any(run.named("train") for run in runs):
        return Section("Curves", Markup("<p>No step has been logged.</p>"))
    charts = [
        _chart(runs, "loss", "loss", "Loss", tests=True),
        _chart(runs, "top1_error", "top-1 error, %", "Top-1 error", tests=True),
        _chart(runs, "rate", "learning rate", "Learning rate"),
    ]
    charts.append(time_of_a_step(runs[0]) if len(runs) == 1 else _chart(runs, "step_ms", "ms", "Time of a step"))
    longest = max(len(run.named("train")) for run in runs)
    note = f" Of {longest} points of a curve at most {MOST} are drawn." if longest > MOST else ""
    says = f"A point says its values when the pointer rests on it.{note}"
    body = Markup('<p class="muted">{}</p><div class="charts">{}</div>').format(says, Markup("").join(charts))
    return Section("Curves", body + Markup("").join(values(run, named=len(runs) > 1) for run in runs))


def _chart(runs: Sequence[RunContent], name: str, unit: str, title: str, *, tests: bool = False) -> Markup:
    """The chart of one number over the steps, of the training and, with `tests`, of the test images."""
    series, several = [], len(runs) > 1
    for place, run in enumerate(runs):
        before = f"{run.folder}, " if several else ""
        training = [(event["step"], event.get(name)) for event in run.named("train")]
        label = f"{before}training" if tests else (run.folder if several else title.lower())
        series.append(Series(label, training, colour=place, dashed=tests))
        if tests:
            found = [(event["step"], event.get(name)) for event in run.named("evaluation")]
            series.append(Series(f"{before}test", found, colour=place if several else 1))
    alternative = f"{title} over the steps: {'; '.join(map(_described, series))}."
    chart = line_chart(series, x_label="step", y_label=unit, alternative=alternative)
    return figure(chart, alternative, title)


def _described(one: Series) -> str:
    known = [(x, y) for x, y in one.points if y is not None]
    if not known:
        return f"{one.label} without values"
    (first, begin), (last, end) = known[0], known[-1]
    return f"{one.label} from {begin:.4g} at step {first:,} to {end:.4g} at step {last:,}"


def time_of_a_step(run: RunContent) -> Markup:
    """Milliseconds of a step, divided into waiting for data, transfer to the devices, and compute."""
    events = run.named("train")
    series = [
        Series(label, [(event["step"], event.get(name)) for event in events], colour=place)
        for place, (name, label) in enumerate(SPLIT.items())
    ]
    alternative = f"Time of a step: {'; '.join(map(_described, series))}; milliseconds."
    chart = line_chart(series, x_label="step", y_label="ms, added up", alternative=alternative, stacked=True)
    return figure(chart, alternative, "Time of a step")


def values(run: RunContent, *, named: bool) -> Markup:
    """What the charts show, as tables that are folded up."""
    of = f" of {run.folder}" if named else ""
    shares = ["epoch", "loss", "top1_error", "rate", "images_per_second", "step_ms", *SPLIT]
    titles = ["step", "epoch", "loss", "error, %", "rate", "images/s", "step, ms", "waiting", "transfer", "compute"]
    training = _folded(f"Values of the training{of}", titles, shares, run.named("train"))
    tests = ["epoch", "loss", "top1_error", "top5_error", "count"]
    titles = ["step", "epoch", "loss", "top-1 error, %", "top-5 error, %", "images"]
    return training + _folded(f"Values of the tests{of}", titles, tests, run.named("evaluation"))


def _folded(title: str, header: list[str], names: list[str], events: list[Event]) -> Markup:
    if not events:
        return Markup("")
    every = -(-len(events) // ROWS)
    kept = [event for place, event in enumerate(events) if place % every == 0 or event is events[-1]]
    rows = [[f"{event['step']:,}", *(_number(event.get(name)) for name in names)] for event in kept]
    said = title if every == 1 else f"{title} (every {every}th)"
    body = table(header, rows, label=title, numeric=range(len(header)))
    return Markup("<details><summary>{}</summary>{}</details>").format(said, body)


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None else f"{value:,}"
