"""The answer of `train_step.py` as tables."""

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.worker import CONTENDERS


def show(answer: dict[str, Any], console: Console | None = None) -> None:
    """Pictures a second and ratios; then compiling, memory and the first step, where they were measured."""
    out = console or Console(width=150, highlight=False, markup=False)
    out.print(
        f"{answer['threads']} threads, {answer['clock']} time, {answer['repeats']} rounds, "
        f"dropout {'on' if answer['dropout'] else 'off'}; pictures a second: median (best)"
    )
    table = Table("network", "job", "batch")
    present = [name for name in CONTENDERS if any(name in each["results"] for each in answer["measured"])]
    for name in (*present, "ours ÷ best torch", "ours ÷ plain Flax", "losses differ by"):
        table.add_column(name, justify="right")
    for each in answer["measured"]:
        rates = (_rate(each["results"].get(name)) for name in present)
        ratios = (_ratio(each[key]) for key in ("against_torch", "against_plain_flax"))
        differs = max((each["largest_difference"] or {}).values(), default=None)
        shape = f"{each['batch_size']}×{each['size']}²"
        table.add_row(
            each["network"], each["job"], shape, *rates, *ratios, "–" if differs is None else f"{differs:.0e}"
        )
    out.print(table)
    costs = Table("network", "job", "")
    for name in present:
        costs.add_column(name, justify="right")
    for each in answer["measured"]:
        costs.add_row(each["network"], each["job"], "compiling, s", *_cells(each["compile_seconds"], present, 1))
        if "peak_bytes" in each:
            costs.add_row("", "", "time to the first step, s", *_cells(each["first_step_seconds"], present, 1))
            costs.add_row("", "", "peak memory, MB", *_cells(each["peak_bytes"], present, 1e6))
    out.print(costs)
    for each in answer["measured"]:
        for name, why in each["failed"].items():
            out.print(f"{each['network']}, {each['job']}: {name} failed: {why}")
    for line in answer["losses_differ"]:
        out.print(f"Losses differ: {line}")
    out.print(", ".join(f"{name} {number}" for name, number in answer["versions"].items()))


def _rate(result: dict[str, Any] | None) -> str:
    if result is None:
        return "–"
    return f"{result['images_per_second']:,.4g} ({result['images_per_second_best']:,.4g})"


def _ratio(found: dict[str, Any] | None) -> str:
    return "–" if found is None else f"{found['median']:.2f} ({found['low']:.2f}–{found['high']:.2f})"


def _cells(values: dict[str, float], names: list[str], unit: float) -> list[str]:
    return [f"{values[name] / unit:,.4g}" if name in values else "–" for name in names]
