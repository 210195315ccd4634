"""The command `look`."""

import argparse
from collections.abc import Callable
from typing import Any

from jaxcnn.cli.predictions import NAMED
from jaxcnn.data.image_files import printable
from jaxcnn.errors import JaxcnnError
from jaxcnn.reporting.progress import Display


def look(flags: argparse.Namespace, display: Display) -> tuple[Any, Callable[[Any], None], JaxcnnError | None]:
    """Writes the page. The error, after the page is there, names the images that couldn't be read."""
    from jaxcnn.inspection.look import look as look_into

    answer = look_into(
        flags.workdir,
        flags.images,
        output=flags.output,
        seed=flags.seed,
        data=flags.data,
        data_dir=flags.data_dir,
        display=display,
    )
    answer["images"] = [printable(name) for name in answer["images"]]
    return answer, show_look, failure(answer["errors"])


def failure(errors: list[dict[str, str]]) -> JaxcnnError | None:
    """What to say of the images that can't be read; None if all can."""
    if not errors:
        return None
    which = "; ".join(f"{printable(error['image'])}: {error['error']}" for error in errors[:NAMED])
    more = f"; and {len(errors) - NAMED:,} more" if len(errors) > NAMED else ""
    count = "one image" if len(errors) == 1 else f"{len(errors):,} images"
    return JaxcnnError(f"{count} can't be read ({which}{more}); the page shows the others.")


def show_look(answer: dict[str, Any]) -> None:
    """Says where the page is."""
    print(f"{answer['page']}: {answer['experiment']}:{answer['variant']} at step {answer['step']:,}, {answer['data']}")
