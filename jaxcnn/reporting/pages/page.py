"""A page of HTML in one file: no script, style, font or image is loaded from anywhere."""

import base64
import contextlib
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from jaxcnn.errors import UsageError

TEMPLATES = Path(__file__).with_name("templates")


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of a page, with a heading and an entry in the list of contents.

    Attributes:
      title: plain text.
      body: HTML that is known to be safe: from `fill`, or one of the functions below.
    """

    title: str
    body: Markup

    @property
    def anchor(self) -> str:
        """The part of the address that leads here: "the-paper-s-table"."""
        words = "".join(letter if letter.isalnum() else " " for letter in self.title.lower()).split()
        return "-".join(words)


@functools.cache
def _environment() -> Any:
    import jinja2  # 40 ms, which a run's start needn't wait for

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # whatever a class or a folder is called
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def fill(template: str, **values: Any) -> Markup:
    """A template of `templates/` with these values, each escaped unless it is `Markup`."""
    return Markup(_environment().get_template(template).render(**values))


def page(title: str, sections: Sequence[Section], *, lead: Markup | str = "") -> str:
    """A whole page.

    Args:
      title: plain text.
      sections: in the order of the page.
      lead: what stands below the title; plain text, or HTML that is known to be safe.
    """
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    return str(fill("page.html.jinja", title=title, sections=sections, lead=lead, style=style))


def figure(image: bytes | Markup, alternative: str, caption: Markup | str = "", *, pixelated: bool = False) -> Markup:
    """An image within a page.

    Args:
      image: a PNG's bytes, or inline SVG, which has its own `role="img"` and `aria-label`.
      alternative: what the image shows, for those who can't see it.
      caption: below the image.
      pixelated: whether its pixels are to be seen when it is enlarged, as those of filters are.
    """
    source = "" if isinstance(image, Markup) else f"data:image/png;base64,{base64.b64encode(image).decode()}"
    svg = image if isinstance(image, Markup) else ""
    values = {"source": source, "svg": svg, "alternative": alternative, "caption": caption, "pixelated": pixelated}
    return fill("figure.html.jinja", **values)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], *, label: str, numeric: Sequence[int] = ()) -> Markup:
    """A table that scrolls by itself where it is wider than the page.

    Args:
      header: of the columns.
      rows: of cells, plain values or `Markup`.
      label: what the table is of, for those who can't see it.
      numeric: the columns that are aligned to the right.
    """
    return fill("table.html.jinja", header=header, rows=rows, label=label, numeric=set(numeric))


def write_page(path: Path, content: str) -> None:
    """Writes the whole page or nothing. Raises UsageError where the file can't be written."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(content, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise UsageError(f"can't write {path}: {error.strerror}; choose another file.") from error
