"""The command `look`."""

import argparse
import contextlib
import warnings
from collections.abc import Callable
from typing import Any

from jaxcnn.errors import JaxcnnError

NAMED = 3  # images in an error


def look(flags: argparse.Namespace) -> tuple[Any, Callable[[Any], None], JaxcnnError | None]:
    """Writes the page. The error, after the page is there, names the images that couldn't be read."""
    from jaxcnn.data.image_files import printable
    from jaxcnn.inspection.look import look as look_into
    from jaxcnn.reporting.progress import automatic

    # A damaged file is named in the answer; Pillow's warnings about it name none.
    with warnings.catch_warnings(), contextlib.closing(automatic()) as display:
        warnings.filterwarnings("ignore", module=r"PIL\.")
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
    answer["errors"] = [error | {"image": printable(error["image"])} for error in answer["errors"]]
    return answer, show_look, failure(answer["errors"])


def failure(errors: list[dict[str, str]]) -> JaxcnnError | None:
    """What to say of the images that can't be read; None if all can."""
    if not errors:
        return None
    which = "; ".join(f"{error['image']}: {error['error']}" for error in errors[:NAMED])
    more = f"; and {len(errors) - NAMED:,} more" if len(errors) > NAMED else ""
    count = "one image" if len(errors) == 1 else f"{len(errors):,} images"
    return JaxcnnError(f"{count} can't be read ({which}{more}); the page shows the others.")


def show_look(answer: dict[str, Any]) -> None:
    """Says where the page is."""
    print(f"{answer['page']}: {answer['experiment']}:{answer['variant']} at step {answer['step']:,}, {answer['data']}")
