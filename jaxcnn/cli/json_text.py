"""JSON for standard output: indented, but with a list of numbers on one line, so that a matrix has a line for a row."""

import json
from typing import Any

INDENT = "  "


def json_text(value: Any, indent: str = "") -> str:
    """The value as JSON. Raises ValueError for a number that isn't finite.

    >>> print(json_text({"shape": [2, 3], "rows": [[1, 0], [0, 2]]}))
    {
      "shape": [2, 3],
      "rows": [
        [1, 0],
        [0, 2]
      ]
    }
    """
    inner = indent + INDENT
    if isinstance(value, dict) and value:
        lines = [f"{inner}{json.dumps(str(name))}: {json_text(item, inner)}" for name, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list | tuple) and not all(isinstance(item, int | float) for item in value):
        return "[\n" + ",\n".join(f"{inner}{json_text(item, inner)}" for item in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)
