"""A finished run on a terminal: its errors beside the paper's for the same variant, data set and protocol."""

from typing import Any

from rich.table import Table

from jaxcnn.cli.tables import console
from jaxcnn.runtime import program

ERRORS = ("top1_error", "top5_error")


def show_summary(summary: dict[str, Any]) -> None:
    """Shows what ran and in what it departs from the paper, then a table of errors."""
    out, name = console(), f"{summary['experiment']}:{summary['variant']}"
    rehearsal = " (a rehearsal)" if summary["rehearsal"] else ""
    out.print(
        f"{name} on {summary['data']}{rehearsal}: {summary['steps']:,} steps, "
        f"{summary['examples']:,} examples, {summary['seconds']:.0f} s"
    )
    if summary.get("departures"):
        out.print(f"Not as in the paper: {'; '.join(summary['departures'])}.")
    compared = summary.get("comparison", [])  # which summaries of older versions lack
    out.print(errors_table(summary, compared))
    others = len(summary["paper"]) - len(compared)
    if summary["paper"] and not compared:
        out.print(f"The paper has no figure for {name} on {summary['data']} by these protocols.")
    if others > 0:
        out.print(f"Other results: {program.command()} describe --exp={name} ({others})")


def errors_table(summary: dict[str, Any], compared: list[dict[str, Any]]) -> Table:
    """A row of ours for each protocol; below it the paper's figures, and by how much ours are higher."""
    table = Table("", "protocol", "data")
    for title in ("top-1 error", "top-5 error"):
        table.add_column(title, justify="right")
    for protocol, metrics in summary["evaluation"].items():
        table.add_row("ours", protocol, summary["data"], *(f"{metrics[error]:.2f} %" for error in ERRORS))
        for entry in compared:
            if entry["protocol"] != protocol:
                continue
            figures = [entry[error] for error in ERRORS]
            paper = ("–" if figure is None else f"{figure['paper']:g} %" for figure in figures)
            table.add_row(f"paper, {entry['source']}", protocol, entry["data"], *paper)
            differences = ("" if figure is None else f"{figure['difference']:+.2f}" for figure in figures)
            table.add_row("difference", "", "", *differences)
    return table
