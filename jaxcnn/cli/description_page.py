"""The description of an experiment as a page of HTML: the drawing, the layer table, and what the paper says."""

from typing import Any

from markupsafe import Markup

from jaxcnn.cli.description_table import sections
from jaxcnn.cli.tables import shape
from jaxcnn.reporting.pages.page import Section, figure, page, table


def description_page(description: dict[str, Any], drawing: str) -> str:
    """The whole page.

    Args:
      description: what `jaxcnn.analysis.describe.describe` returns.
      drawing: the network as SVG.
    """
    name = f"{description['experiment']}:{description['variant']}"
    caption = "Point at a box to see all that the table below says of it. A wide drawing scrolls."
    image = figure(Markup(drawing), f"Drawing of {name}", caption)
    parts = [Section("The network", image), Section("Layers", layers(description))]
    parts += [Section(title, listing(lines)) for title, lines in sections(description)]
    paper = description["paper"]
    lead = f"{paper['authors']}, “{paper['title']}”, {paper['venue']}, {paper['year']}. "
    return page(name, parts, lead=lead + f"Input: {shape(description['input_shape'])}.")


def layers(description: dict[str, Any]) -> Markup:
    """The layer table with its totals."""
    connections = description["total_connections"] is not None
    counts = ["params", "macs", *(["connections"] if connections else [])]
    names = {"params": "parameters", "macs": "MACs", "connections": "connections"}
    header = ["layer", "kind", "output", *(names[key] for key in counts), "receptive field", "reads"]
    known = {-1: "image"} | {number: row["name"] for number, row in enumerate(description["layers"])}
    rows = [
        [
            *(row["name"], row["kind"], shape(row["output_shape"])),
            *(f"{row[key] or 0:,}" for key in counts),
            row["receptive_field"],
            ", ".join(known[number] for number in row["inputs"]),
        ]
        for row in description["layers"]
    ]
    rows.append(["total", "", "", *(f"{description[f'total_{key}']:,}" for key in counts), "", ""])
    found = table(header, rows, label="Layer table", numeric=range(3, 4 + len(counts)))
    heads = description["auxiliary_params"]
    note = Markup("<p>Of the parameters, {} are in auxiliary heads.</p>").format(f"{heads:,}") if heads else Markup("")
    return found + note


def listing(lines: list[str]) -> Markup:
    """Lines as a list."""
    items = Markup("").join(Markup("<li>{}</li>").format(line) for line in lines)
    return Markup("<ul>") + items + Markup("</ul>")
