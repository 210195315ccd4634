"""The images of a page: each is embedded in it, and kept as a file to be written beside it."""

import dataclasses
import re

import numpy as np
from markupsafe import Markup

from jaxcnn.inspection.pictures.png import png
from jaxcnn.reporting.pages.page import figure


@dataclasses.dataclass
class Album:
    """PNGs by the names of their files."""

    files: dict[str, bytes] = dataclasses.field(default_factory=dict)

    def figure(self, name: str, pixels: np.ndarray, alternative: str, caption: Markup | str = "") -> Markup:
        """A figure of the page. `name`: of its file, without the ending; `pixels`: uint8 [height, width, …]."""
        file = re.sub(r"[^\w.-]+", "-", name) + ".png"
        assert file not in self.files, f"two images are called {file}"
        self.files[file] = png(pixels)
        return figure(self.files[file], alternative, caption)


def paragraph(text: str) -> Markup:
    """Plain text as a paragraph."""
    return Markup("<p>{}</p>").format(text)


def heading(text: str) -> Markup:
    """Plain text as a heading within a section."""
    return Markup("<h3>{}</h3>").format(text)


def tiles(figures: list[Markup], *, width: int = 15) -> Markup:
    """Figures side by side, as many as there is room for; each at least `width` rem wide, or as the page."""
    columns = f"grid-template-columns: repeat(auto-fill, minmax(min(100%, {width}rem), 1fr))"
    return Markup('<div class="tiles" style="{}">{}</div>').format(columns, Markup("").join(figures))


def folded(title: str, body: Markup, *, is_open: bool) -> Markup:
    """A part that can be folded away."""
    state = Markup(" open") if is_open else ""
    return Markup("<details{}><summary>{}</summary>{}</details>").format(state, title, body)


def image_of(number: int) -> str:
    """The beginning of the names of an image's files: "image-1"."""
    return f"image-{number + 1}"
