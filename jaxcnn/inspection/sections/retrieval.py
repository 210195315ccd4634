"""The images that the network finds alike, and all of them on a plane."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from jaxcnn.inspection.pictures.colours import with_opacity
from jaxcnn.inspection.pictures.grid import beside, grid
from jaxcnn.inspection.pictures.png import enlarged, shrunk
from jaxcnn.inspection.pictures.scatter import scattered
from jaxcnn.inspection.sections.album import Album, heading, image_of, paragraph
from jaxcnn.reporting.pages.page import Section

CELL = 96  # pixels of an image's side
THUMBNAIL = 36  # and on the maps


class Neighbours(NamedTuple):
    """The nearest images of one.

    Attributes:
        name: of the image.
        numbers: of the nearest images, among those surveyed.
        distances: to them.
    """

    name: str
    numbers: np.ndarray
    distances: np.ndarray


class Plane(NamedTuple):
    """Images laid out on a plane.

    Attributes:
        title: "t-SNE".
        places: float [images, 2], of the first images that were surveyed.
        caption: what the plane is.
    """

    title: str
    places: np.ndarray
    caption: str


def retrieval_section(
    layer: str,
    found: Sequence[Neighbours],
    queries: np.ndarray,
    surveyed: np.ndarray,
    class_names: Sequence[str | None],
    planes: Sequence[Plane],
    data: str,
    album: Album,
) -> Section:
    """The nearest images of each image, then the planes.

    Args:
      layer: the name of the last hidden layer.
      found: the neighbours of each image.
      queries: pixels of these images, uint8 [images, size, size, channels].
      surveyed: pixels of those among which the neighbours are.
      class_names: of the classes of `surveyed`, None where that isn't known.
      planes: what to show of all of them.
      data: what they are, "mnist, 2,000 training images".
      album: for the figures.
    """
    text = (
        f"As in figure 4 of Krizhevsky et al. (2012): at the left an image, then those of {data} whose state of "
        f"{layer}, the last hidden layer, has the smallest Euclidean distance to its own."
    )
    parts = [paragraph(text)]
    for number, (neighbours, query) in enumerate(zip(found, queries, strict=True)):
        others = grid([_cell(surveyed[i], CELL) for i in neighbours.numbers], len(neighbours.numbers), gap=4)
        row = beside(_cell(query, CELL), others)
        named = [class_names[i] for i in neighbours.numbers]
        said = [
            f"{distance:.3g}" + (f" ({name})" if name is not None else "")
            for distance, name in zip(neighbours.distances, named, strict=True)
        ]
        caption = f"{neighbours.name}; distances {', '.join(said)}"
        alternative = f"{neighbours.name} and the {len(neighbours.numbers)} nearest images"
        parts.append(album.figure(f"{image_of(number)}-nearest", row, alternative, caption))
    for plane in planes:
        thumbnails = [_cell(image, THUMBNAIL) for image in surveyed[: len(plane.places)]]
        pixels = scattered(plane.places, thumbnails)
        alternative = f"{len(thumbnails)} images at their places by {plane.title}"
        parts += [
            heading(plane.title),
            album.figure(f"plane-{plane.title.lower()}", pixels, alternative, plane.caption),
        ]
    return Section("What it finds alike", Markup("").join(parts))


def _cell(image: np.ndarray, side: int) -> np.ndarray:
    """An image whose longer side is `side` pixels, about."""
    colours = with_opacity(image)
    return shrunk(enlarged(colours, max(side // image.shape[0], 1)), side)
