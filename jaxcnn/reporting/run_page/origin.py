"""Where a run comes from and what it took: layers, environment, time, and the commands that repeat it."""

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from jaxcnn.reporting.pages.page import Section, table
from jaxcnn.reporting.run_page.content import Event, RunContent
from jaxcnn.reporting.run_page.curves import SPLIT


def layers(run: RunContent) -> list[Section]:
    """The layer table."""
    if run.layers is None:
        return []
    rows = [
        [
            row["name"],
            row["kind"],
            "×".join(map(str, row["output_shape"])),
            *(f"{row[number]:,}" for number in ("params", "macs", "receptive_field")),
        ]
        for row in run.layers["rows"]
    ]
    total = f"{run.layers['total_params']:,} parameters, {run.layers['total_macs']:,} multiply–accumulates an image."
    header = ["layer", "kind", "output", "parameters", "MACs", "receptive field"]
    listed = table(header, rows, label="The layers of the network", numeric=[3, 4, 5])
    if len(rows) > 30:
        listed = Markup("<details><summary>All {} layers</summary>{}</details>").format(len(rows), listed)
    return [Section("Layers", Markup("<p>{}</p>").format(total) + listed)]


def environment(run: RunContent) -> Section:
    """Versions, devices and source."""
    rows: list[list[Any]] = [[name, version] for name, version in run.versions.items()]
    devices = list(dict.fromkeys(event["devices"] for event in run.named("compile") if event.get("devices")))
    rows.append(["devices", "; ".join(devices) or "not known"])
    rows.append(["commit", run.commit or "not known"])
    rows.append(["seed", str(run.experiment.get("seed", "–"))])
    rows += [[f"imported: {name}", _text(value)] for name, value in (run.imported or {}).items()]
    return Section("Environment", table(["part", "version"], rows, label="Versions, devices and source"))


def _text(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def cost(run: RunContent) -> Section:
    """What the run took."""
    events, summary = run.named("train"), run.summary
    rows: list[list[str]] = [["steps", f"{run.step:,}"]]
    if summary is not None:
        rows.append(["images", f"{summary['examples']:,}"])
        rows.append(["time, all starts together", seconds(summary["seconds"])])
    compiled = run.named("compile")
    if compiled:
        rows.append(["starts", f"{len(compiled):,}"])
        rows.append(["compiling", seconds(sum(event["seconds"] for event in compiled))])
    if events:
        rows.append(["images a second", f"{mean(events, 'images_per_second'):,.0f}"])
        rows.append(["a step", f"{mean(events, 'step_ms'):,.4g} ms"])
        whole = mean(events, "step_ms") or 1.0
        rows += [[f"of which {label}", f"{100 * mean(events, name) / whole:.1f} %"] for name, label in SPLIT.items()]
    return Section("Time", table(["measured", "value"], rows, label="What the run took", numeric=[1]))


def mean(events: Iterable[Event], name: str) -> float:
    """The mean of a number over the logged windows; 0 where none has it."""
    found = [event[name] for event in events if event.get(name) is not None]
    return sum(found) / len(found) if found else 0.0


def seconds(value: float) -> str:
    """A duration.

    >>> seconds(9.04), seconds(3723)
    ('9.0 s', '1 h 2 min 3 s')
    """
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min {rest} s" if hours else f"{minutes} min {rest} s"


def commands(run: RunContent) -> Section:
    """What to type to get the run again."""
    parts = [Markup("<p>{}</p><pre>{}</pre>").format(what, command) for what, command in run.commands]
    return Section("Repeat it", Markup("").join(parts))
