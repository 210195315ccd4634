"""The description of an experiment for a terminal of any width."""

import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rich.table import Table

from jaxcnn.cli.tables import console, shape

Entry = dict[str, Any]


class Column(NamedTuple):
    """A column of the layer table.

    Attributes:
      title: its header.
      cell: what it says of a row.
      total: what it says below all rows.
    """

    title: str
    cell: Callable[[Entry], str]
    total: str
    right: bool = True


def show_description(description: Entry) -> None:
    """Shows the layer table, then the paper's results and claims, and the contradictions between its sources."""
    out, paper = console(), description["paper"]
    out.print(f"{description['experiment']}:{description['variant']}, input {shape(description['input_shape'])}")
    out.print(f"{paper['authors']}, “{paper['title']}”, {paper['venue']}, {paper['year']}\n")
    columns, note = fitting_columns(description, out.width)
    table = Table()
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", no_wrap=True, overflow="fold")
    for row in description["layers"]:
        table.add_row(*(column.cell(row) for column in columns))
    table.add_section()
    table.add_row(*(column.total for column in columns))
    out.print(table)
    if note:
        out.print(note)
    if description["auxiliary_params"]:
        out.print(f"of the parameters, {description['auxiliary_params']:,} are in auxiliary heads\n")
    for title, lines in sections(description):
        out.print(f"\n{title}")
        for line in lines:
            wrapped = textwrap.fill(
                line, out.width, initial_indent="  – ", subsequent_indent="    ", break_on_hyphens=False
            )
            out.print(wrapped, soft_wrap=True)


def fitting_columns(description: Entry, width: int) -> tuple[list[Column], str]:
    """The columns that fit a terminal of this width, and what to say of those that don't; "" if all fit.

    Names and shapes always stay. First the counts become short, then columns are left out.
    """
    full = _columns(description, _in_full)
    short = _columns(description, _in_short)
    kept = {**full}
    choices = [(full, "")]
    for dropped in ("", "connections", "receptive field", "kind", "MACs", "parameters"):
        kept = {title: column for title, column in short.items() if title in kept and title != dropped}
        missing = ", ".join(title for title in full if title not in kept)
        note = "The terminal is narrow: counts are rounded"
        choices.append((kept, f"{note}, and columns left out ({missing})." if missing else f"{note}."))
    for columns, note in choices:
        if _width(list(columns.values()), description) <= width:
            return list(columns.values()), note
    return list(choices[-1][0].values()), choices[-1][1]


def _columns(description: Entry, count: Callable[[int], str]) -> dict[str, Column]:
    """All columns by their full titles, with counts written by `count`."""
    field = "receptive field" if count is _in_full else "sees"
    total = {key: count(description[f"total_{key}"] or 0) for key in ("params", "macs", "connections")}
    columns = {
        "layer": Column("layer", lambda row: row["name"], "total", right=False),
        "kind": Column("kind", lambda row: row["kind"], "", right=False),
        "output": Column("output", lambda row: shape(row["output_shape"]), "", right=False),
        "parameters": Column("parameters", lambda row: count(row["params"]), total["params"]),
        "MACs": Column("MACs", lambda row: count(row["macs"]), total["macs"]),
        "connections": Column("connections", lambda row: count(row["connections"] or 0), total["connections"]),
        "receptive field": Column(field, lambda row: str(row["receptive_field"]), ""),
    }
    if description["total_connections"] is None:
        del columns["connections"]
    return columns


def _in_full(count: int) -> str:
    return f"{count:,}"


def _in_short(count: int) -> str:
    """A count in at most seven characters: 117,600, 105.4 M, 15.5 G."""
    for unit, divisor in (("G", 10**9), ("M", 10**6)):
        if count >= divisor:
            return f"{count / divisor:,.1f} {unit}"
    return f"{count:,}"


def _width(columns: Sequence[Column], description: Entry) -> int:
    """The characters of a line of the table: two of padding and a border for each column, and a border."""
    rows = description["layers"]
    cells = [[column.title, column.total, *(column.cell(row) for row in rows)] for column in columns]
    return sum(max(map(len, column)) + 3 for column in cells) + 1


def sections(description: Entry) -> list[tuple[str, list[str]]]:
    """The titles and lines of the sections after the table; empty sections are left out."""
    paper = description["paper"]
    results = [f"{result_line(result)} on {result['data']}, {result['source']}" for result in paper["results"]]
    claims = [
        f"{claim['what']}: {claim['stated']} ({claim['source']})"
        + (f"; counted here: {claim['counted']}" if claim["counted"] else "")
        for claim in paper["claims"]
    ]
    found = [
        ("The paper's results", results),
        ("What papers and lectures state about the network", claims),
        ("Contradictions between the sources", description["contradictions"]),
        ("Departures of this implementation", description["deviations"]),
    ]
    return [(title, lines) for title, lines in found if lines]


def result_line(result: Entry) -> str:
    """The errors and the protocol of one reported result."""
    errors = [
        f"{name} error {result[key]} %"
        for name, key in (("top-1", "top1_error"), ("top-5", "top5_error"))
        if result[key] is not None
    ]
    return f"{', '.join(errors)} ({result['protocol']})"
