"""Results of commands as tables for people; `--json` prints the same content as JSON."""

import sys
from typing import Any

from rich.console import Console
from rich.table import Table

WIDTH = 110  # characters, if the output is not a terminal


def console() -> Console:
    """Standard output, with a fixed width if it is not a terminal."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)


def show_list(entries: list[dict[str, Any]]) -> None:
    """Shows every experiment and variant; the first variant of each is the default."""
    table = Table("experiment", "variant", "paper", "data", "input")
    table.add_column("parameters", justify="right")
    previous = paper = None
    for entry in entries:
        fresh = entry["experiment"] != previous
        if fresh and previous:
            table.add_section()
        named = fresh or entry["paper"] != paper  # a variant may come from another paper, like one_tower
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


def show_evaluation(result: dict[str, Any]) -> None:
    """Shows the errors of a run, a row for each protocol."""
    out = console()
    out.print(
        f"{result['experiment']}:{result['variant']} at step {result['step']:,}, "
        f"{result['data']}, {result['split']} split"
    )
    table = Table("protocol")
    for title in ("top-1 error", "top-5 error", "images"):
        table.add_column(title, justify="right")
    for name, metrics in result["protocols"].items():
        scales = f" at {', '.join(map(str, metrics['scales']))}" if "scales" in metrics else ""
        errors = (f"{metrics[key]:.2f} %" for key in ("top1_error", "top5_error"))
        table.add_row(name + scales, *errors, f"{metrics['count']:,}")
    out.print(table)


def show_dry_run(answer: dict[str, Any]) -> None:
    """Shows what a run would need: memory, communication, data, time and disk; and warnings."""
    out, devices, seconds = console(), answer["devices"], answer["time"]
    out.print(
        f"{answer['experiment']}:{answer['variant']} on {answer['data']}, {answer['parameters']:,} parameters; "
        f"{answer['length']['steps']:,} steps of {answer['batch_size']} ({answer['precision']}), "
        f"{devices['count']} × {devices['kind']}{', simulated' if devices['simulated'] else ''}; "
        f"compiled in {answer['compile_seconds']:.0f} s, not run"
    )
    out.print(memory_table(answer))
    out.print(communication_table(answer))
    out.print(estimate_table(answer))
    if seconds["basis"] is not None:
        rates = ", ".join(f"{name.replace('_', ' ')} {rate / 1e9:,.0f}" for name, rate in seconds["basis"].items())
        out.print(f"Times follow from speeds measured just now, in GFLOP/s: {rates}; evaluations are not included.")
    for line in answer["warnings"]:
        out.print(f"Warning: {line}")


def memory_table(answer: dict[str, Any]) -> Table:
    """The memory of one device, and on CPU that of the whole process."""
    table = Table("memory of a device")
    table.add_column("", justify="right")
    for name, value in answer["memory"].items():
        if name != "process":
            table.add_row(name.replace("_", " "), size(value))
    if answer["devices"]["memory_bytes"] is not None:
        table.add_row("available", size(answer["devices"]["memory_bytes"]))
    if "process" in answer["memory"]:
        table.add_section()
        table.add_row("the whole process, at its peak", size(answer["memory"]["process"]["peak"]))
    return table


def communication_table(answer: dict[str, Any]) -> Table | str:
    """The communication of one step between devices and with the host."""
    table = Table("communication of a step")
    for title in ("times", "bytes of a device"):
        table.add_column(title, justify="right")
    for name, entry in answer["collectives"].items():
        table.add_row(name, f"{entry['count']:,}", f"{entry['bytes']:,}")
    for name in answer["host_transfers"]:
        table.add_row(f"with the host: {name}", "", "")
    return table if table.row_count else "communication of a step: none"


def estimate_table(answer: dict[str, Any]) -> Table:
    """The data, and estimates of time and disk space."""
    found, seconds = answer["data_found"], answer["time"]
    rows = {
        "operations of a step and device": f"{answer['flops_per_step']:,.4g}",
        "data": f"{found['name']}, " + (f"found in {found['folder']}" if found["folder"] else availability(found)),
        "images": f"{found['train_pictures']:,} + {found['test_pictures']:,}",
        "reading": f"{found['pictures_per_second']:,.0f} images/s" if found["found"] else "–",
        "a step": duration(seconds["step_seconds"]),
        "an epoch": f"{duration(seconds['epoch_seconds'])} ({answer['length']['steps_per_epoch']:,} steps)",
        "the run": duration(seconds["run_seconds"]),
        "disk, checkpoints": f"{size(answer['disk']['checkpoints'])}, {size(answer['disk']['free'])} free",
        "disk, data": "–" if answer["disk"]["data"] is None else size(answer["disk"]["data"]),
    }
    table = Table("", "estimated")
    for name, text in rows.items():
        table.add_row(name, text)
    return table


def availability(found: dict[str, Any]) -> str:
    """Whether a data set without a folder is available."""
    return "comes with installed packages" if found["found"] else "not found"


def size(count: int) -> str:
    """A number of bytes with a suitable unit."""
    value, units = float(count), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:,.0f} bytes" if units[0] == "bytes" else f"{value:,.1f} {units[0]}"


def duration(seconds: float | None) -> str:
    """A number of seconds with a suitable unit; a dash for None."""
    if seconds is None:
        return "–"
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{1000 * seconds:,.3g} ms"


def show_fields(fields: dict[str, Any], indent: str = "") -> None:
    """Shows a dictionary, a line for each entry, nested ones indented."""
    out = console()
    for name, value in fields.items():
        if isinstance(value, dict):
            out.print(f"{indent}{name}:")
            show_fields(value, indent + "  ")
        else:
            text = f"{value:,.4g}" if isinstance(value, float) else value
            out.print(f"{indent}{name}: {text}")


def shape(sizes: list[int]) -> str:
    """Sizes joined by ×, such as height × width × channels."""
    return "×".join(map(str, sizes))
