"""A table of counts in shades: a row for each true class, a column for each predicted one."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from jaxcnn.reporting.pages.page import fill

DARKEST = 45  # percent of colour in a full cell; text on it stays readable in both schemes


def heat_table(names: Sequence[str], counts: Sequence[Sequence[int]], *, label: str) -> Markup:
    """The confusion matrix; a cell's shade is the root of its share of the row, so that rare errors are seen too.

    Args:
      names: of the classes.
      counts: rows true, columns predicted.
      label: what the table is of, for those who can't see it.
    """
    rows = []
    for true, row in enumerate(counts):
        total = sum(row)
        shades = [round(DARKEST * math.sqrt(count / total)) if total else 0 for count in row]
        cells = [
            {"count": count, "shade": shade, "hit": true == predicted, "column": names[predicted]}
            for predicted, (count, shade) in enumerate(zip(row, shades, strict=True))
        ]
        rows.append((names[true], cells))
    return fill("heat_table.html.jinja", names=names, rows=rows, label=label)
