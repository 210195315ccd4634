"""Answers as tables for a person to read; the same content goes out as JSON by `--json`."""

import sys
from typing import Any

from rich.console import Console
from rich.table import Table

WIDTH = 110  # where there is no terminal to ask


def console() -> Console:
    """Standard output, wide enough for a table where it is no terminal."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)


def show_list(entries: list[dict[str, Any]]) -> None:
    """Every experiment and variant; the first variant of each is what the bare name runs."""
    table = Table("experiment", "variant", "paper", "data", "input")
    table.add_column("parameters", justify="right")
    previous = paper = None
    for entry in entries:
        fresh = entry["experiment"] != previous
        if fresh and previous:
            table.add_section()
        named = fresh or entry["paper"] != paper  # one_tower is of another paper than the rest of its file
        previous, paper = entry["experiment"], entry["paper"]
        table.add_row(
            entry["experiment"] if fresh else "",
            entry["variant"],
            entry["paper"] if named else "",
            entry["data"],
            shape(entry["input_shape"]),
            f"{entry['total_params']:,}",
        )
    console().print(table)


def show_description(description: dict[str, Any]) -> None:
    """The layer table, then what the paper says and where its sources contradict each other."""
    out, paper = console(), description["paper"]
    out.print(f"{description['experiment']}:{description['variant']}, input {shape(description['input_shape'])}")
    out.print(f"{paper['authors']}, “{paper['title']}”, {paper['venue']}, {paper['year']}\n")
    connections = description["total_connections"] is not None
    table = Table("layer", "kind", "output")
    for title in ["parameters", "MACs", *(["connections"] if connections else []), "receptive field"]:
        table.add_column(title, justify="right")
    for row in description["layers"]:
        table.add_row(
            row["name"],
            row["kind"],
            shape(row["output_shape"]),
            f"{row['params']:,}",
            f"{row['macs']:,}",
            *([f"{row['connections'] or 0:,}"] if connections else []),
            str(row["receptive_field"]),
        )
    table.add_section()
    totals = [f"{description['total_params']:,}", f"{description['total_macs']:,}"]
    totals += [f"{description['total_connections']:,}"] if connections else []
    table.add_row("total", "", "", *totals, "")
    out.print(table)
    if description["auxiliary_params"]:
        out.print(f"of the parameters, {description['auxiliary_params']:,} are in auxiliary heads\n")
    for title, lines in sections(description):
        out.print(f"\n{title}")
        for line in lines:
            out.print(f"  – {line}")


def sections(description: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """What follows the table, without empty sections."""
    paper = description["paper"]
    results = [f"{result_line(result)} on {result['data']}, {result['source']}" for result in paper["results"]]
    claims = [
        f"{claim['what']}: {claim['stated']} ({claim['source']})"
        + (f"; counted here: {claim['counted']}" if claim["counted"] else "")
        for claim in paper["claims"]
    ]
    found = [
        ("The paper's results", results),
        ("What papers and lectures state of the network", claims),
        ("Contradictions between the sources", description["contradictions"]),
        ("Where this implementation deviates", description["deviations"]),
    ]
    return [(title, lines) for title, lines in found if lines]


def result_line(result: dict[str, Any]) -> str:
    """One reported error."""
    errors = [
        f"{name} error {result[key]} %"
        for name, key in (("top-1", "top1_error"), ("top-5", "top5_error"))
        if result[key] is not None
    ]
    return f"{', '.join(errors)} ({result['protocol']})"


def show_evaluation(result: dict[str, Any]) -> None:
    """A row for each protocol."""
    out = console()
    out.print(
        f"{result['experiment']}:{result['variant']} at step {result['step']:,}, "
        f"{result['data']}, {result['split']} split"
    )
    table = Table("protocol")
    for title in ("top-1 error", "top-5 error", "pictures"):
        table.add_column(title, justify="right")
    for name, metrics in result["protocols"].items():
        scales = f" at {', '.join(map(str, metrics['scales']))}" if "scales" in metrics else ""
        errors = (f"{metrics[key]:.2f} %" for key in ("top1_error", "top5_error"))
        table.add_row(name + scales, *errors, f"{metrics['count']:,}")
    out.print(table)


def show_summary(summary: dict[str, Any]) -> None:
    """A finished run: ours beside the paper's."""
    out = console()
    rehearsal = " (a rehearsal)" if summary["rehearsal"] else ""
    out.print(
        f"{summary['experiment']}:{summary['variant']} on {summary['data']}{rehearsal}: {summary['steps']:,} steps, "
        f"{summary['examples']:,} examples, {summary['seconds']:.0f} s"
    )
    table = Table("", "protocol", "data")
    for title in ("top-1 error", "top-5 error"):
        table.add_column(title, justify="right")
    for name, metrics in summary["evaluation"].items():
        table.add_row("ours", name, summary["data"], f"{metrics['top1_error']:.2f} %", f"{metrics['top5_error']:.2f} %")
    for result in summary["paper"]:
        cells = ("–" if result[key] is None else f"{result[key]} %" for key in ("top1_error", "top5_error"))
        table.add_row(f"paper, {result['source']}", result["protocol"], result["data"], *cells)
    out.print(table)


def show_dry_run(answer: dict[str, Any]) -> None:
    """What a run would take: memory, communication, data, time, disk; and what would go wrong."""
    out, devices, found = console(), answer["devices"], answer["data_found"]
    out.print(
        f"{answer['experiment']}:{answer['variant']} on {answer['data']}, {answer['parameters']:,} parameters; "
        f"{answer['length']['steps']:,} steps of {answer['batch_size']} ({answer['precision']}), "
        f"{devices['count']} × {devices['kind']}{', simulated' if devices['simulated'] else ''}; "
        f"compiled in {answer['compile_seconds']:.0f} s, not run"
    )
    memory = Table("memory of a device")
    memory.add_column("", justify="right")
    for name, value in answer["memory"].items():
        if name != "process":
            memory.add_row(name.replace("_", " "), size(value))
    if devices["memory_bytes"] is not None:
        memory.add_row("there is", size(devices["memory_bytes"]))
    if "process" in answer["memory"]:
        memory.add_section()
        memory.add_row("the whole process, at its peak", size(answer["memory"]["process"]["peak"]))
    out.print(memory)

    talk = Table("communication a step")
    for title in ("times", "bytes a device"):
        talk.add_column(title, justify="right")
    for name, entry in answer["collectives"].items():
        talk.add_row(name, f"{entry['count']:,}", f"{entry['bytes']:,}")
    for name in answer["host_transfers"]:
        talk.add_row(f"with the host: {name}", "", "")
    out.print(talk if talk.row_count else "communication a step: none")

    seconds = answer["time"]
    rows = {
        "operations a step and device": f"{answer['flops_per_step']:,.4g}",
        "data": f"{found['name']}, " + (f"found in {found['folder']}" if found["folder"] else there(found)),
        "pictures": f"{found['train_pictures']:,} + {found['test_pictures']:,}",
        "reading": f"{found['pictures_per_second']:,.0f} pictures/s" if found["found"] else "–",
        "a step": duration(seconds["step_seconds"]),
        "an epoch": f"{duration(seconds['epoch_seconds'])} ({answer['length']['steps_per_epoch']:,} steps)",
        "the run": duration(seconds["run_seconds"]),
        "disk, checkpoints": f"{size(answer['disk']['checkpoints'])}, {size(answer['disk']['free'])} free",
        "disk, data": "–" if answer["disk"]["data"] is None else size(answer["disk"]["data"]),
    }
    table = Table("", "estimated")
    for name, text in rows.items():
        table.add_row(name, text)
    out.print(table)
    if seconds["basis"] is not None:
        rates = ", ".join(f"{name.replace('_', ' ')} {rate / 1e9:,.0f}" for name, rate in seconds["basis"].items())
        out.print(f"Times from speeds measured here just now, in GFLOP/s: {rates}; evaluations are left out.")
    for line in answer["warnings"]:
        out.print(f"Warning: {line}")


def there(found: dict[str, Any]) -> str:
    """Of a data set without a folder: whether it is there."""
    return "comes with installed packages" if found["found"] else "not there"


def size(count: int) -> str:
    """Bytes as a person reads them."""
    value, units = float(count), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:,.0f} bytes" if units[0] == "bytes" else f"{value:,.1f} {units[0]}"


def duration(seconds: float | None) -> str:
    """Seconds as a person reads them."""
    if seconds is None:
        return "–"
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{1000 * seconds:,.3g} ms"


def show_fields(fields: dict[str, Any], indent: str = "") -> None:
    """A dictionary, a line for each entry."""
    out = console()
    for name, value in fields.items():
        if isinstance(value, dict):
            out.print(f"{indent}{name}:")
            show_fields(value, indent + "  ")
        else:
            text = f"{value:,.4g}" if isinstance(value, float) else value
            out.print(f"{indent}{name}: {text}")


def shape(sizes: list[int]) -> str:
    """Height × width × channels."""
    return "×".join(map(str, sizes))
