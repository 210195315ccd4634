"""The command `export`."""

import argparse
from collections.abc import Callable
from typing import Any


def export(flags: argparse.Namespace) -> tuple[Any, Callable[[Any], None]]:
    from jaxcnn.interop.export import export as export_run

    return export_run(flags.workdir, format=flags.format, output=flags.output), show_export


def show_export(answer: dict[str, Any]) -> None:
    """Shows what was written, and the example. Not as a table: the example is to be copied."""
    size = f"{answer['bytes'] / 2**20:.1f} MiB"
    print(f"{answer['file']}: {answer['experiment']}:{answer['variant']} at step {answer['step']:,}, {size}")
    print(f"{answer['description_file']}: its input, preprocessing and classes")
    print(f"\nTo use it:\n\n{answer['example']}", end="")
