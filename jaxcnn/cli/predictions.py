"""The command `predict`: its answer as a table for people, and what it says of images that can't be read."""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

from rich.table import Table

from jaxcnn.cli.tables import console
from jaxcnn.data.image_files import printable
from jaxcnn.errors import JaxcnnError
from jaxcnn.reporting.progress import Display
from jaxcnn.runs.predict import predictions

NAMED = 3  # images in an error


def predict(flags: argparse.Namespace, display: Display) -> tuple[Any, Callable[[Any], None], JaxcnnError | None]:
    """What the flags ask for, how to show it, and the error that the command ends with after showing it."""
    answers = predictions(flags.workdir, flags.images, flags.top, csv=flags.csv, display=display)
    if flags.csv and not flags.json:  # of many images, nothing is kept but how many failed
        failed, count = [], 0
        for answer in answers:
            count += 1
            failed += [answer] if "error" in answer else []
        return {"images": count, "errors": len(failed), "csv": flags.csv}, show_csv, failure(failed, count)
    kept = list(answers)
    return kept, show_predictions, failure([answer for answer in kept if "error" in answer], len(kept))


def failure(failed: list[dict[str, Any]], images: int) -> JaxcnnError | None:
    """What to say of the images that can't be read; None if all can."""
    if not failed:
        return None
    which = "; ".join(f"{printable(answer['image'])}: {answer['error']}" for answer in failed[:NAMED])
    more = f"; and {len(failed) - NAMED:,} more" if len(failed) > NAMED else ""
    return JaxcnnError(f"{len(failed):,} of {images:,} images can't be read ({which}{more}); the others are answered.")


def show_csv(answer: dict[str, Any]) -> None:
    """Shows where the answers are."""
    console().print(f"{answer['images']:,} images, {answer['errors']:,} with an error: {printable(answer['csv'])}")


def show_predictions(answers: list[dict[str, Any]]) -> None:
    """Shows the classes of each image, the most probable one first."""
    table = Table("image", "class")
    table.add_column("probability", justify="right")
    for answer in answers:
        for cells in rows(answer):
            table.add_row(*cells)
        table.add_section()
    console().print(table)


def rows(answer: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The rows of one image, which name it once."""
    name = printable(answer["image"])
    if "error" in answer:
        yield name, f"error: {answer['error']}", ""
    for place, entry in enumerate(answer.get("top", [])):
        yield "" if place else name, entry["name"], f"{100 * entry['probability']:.2f} %"
