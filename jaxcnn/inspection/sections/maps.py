"""The feature maps of every layer for an image; for LeNet-5 also its prototypes, and how far they are."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from jaxcnn.inspection.network.graph import Stage
from jaxcnn.inspection.network.opened import OpenedNetwork
from jaxcnn.inspection.pictures.colours import as_maps, painted
from jaxcnn.inspection.pictures.grid import beside, grid, squarish
from jaxcnn.inspection.pictures.png import enlarged, shrunk
from jaxcnn.inspection.sections.album import Album, folded, heading, image_of, paragraph, tiles
from jaxcnn.models.layers.rbf import digit_prototypes
from jaxcnn.reporting.pages.page import Section, table

MAPS = 16  # of a layer
LAYERS = 24  # of a network
CELL = 60  # pixels of a map's side on the page, about
BITMAP = (12, 7)  # rows and columns of a prototype


def maps_section(
    network: OpenedNetwork, names: Sequence[str], maps: Sequence[np.ndarray], scores: np.ndarray, album: Album
) -> Section:
    """The states of the layers for each image.

    Args:
      network: the network.
      names: of the images.
      maps: of each stage of the trunk, float32 [images, …].
      scores: float32 [images, classes].
      album: for the figures.
    """
    shown = layers_shown(network.trunk)
    text = (
        "The state of each layer as the next one takes it, after the ReLU or whatever follows the layer. Maps of one "
        "layer share a scale. Where all values are 0 or more, dark violet is 0 and yellow the largest; elsewhere white "
        "is 0, red positive, blue negative."
    )
    if len(shown) < len(network.trunk):
        text += f" The network has {len(network.trunk):,} layers and blocks; {len(shown)} of them are shown."
    parts = [paragraph(text)]
    for image, name in enumerate(names):
        figures = [_layer(network.trunk[place], maps[place][image], image, name, album) for place in shown]
        body = tiles(figures)
        if network.graph.layers[-1].kind == "rbf":
            body += _prototypes(maps[-1][image], -scores[image], image, name, album)
        parts.append(folded(name, body, is_open=image == 0))
    return Section("Feature maps", Markup("").join(parts))


def layers_shown(trunk: Sequence[Stage]) -> list[int]:
    """The places in the trunk that are shown: all, or some evenly over the depth."""
    count = min(LAYERS, len(trunk))
    return np.unique(np.linspace(0, len(trunk) - 1, count).round().astype(int)).tolist()


def strongest_maps(values: np.ndarray, count: int = MAPS) -> np.ndarray:
    """The maps [rows, columns, maps] with the largest mean of absolute values, in their order."""
    if values.shape[-1] <= count:
        return values
    order = np.argsort(-np.abs(values).mean(axis=(0, 1)), kind="stable")[:count]
    return values[..., np.sort(order)]


def _layer(stage: Stage, values: np.ndarray, image: int, name: str, album: Album) -> Markup:
    """The maps of one layer, or its values as one map."""
    vector = values.ndim == 1 or values.shape[:2] == (1, 1)
    if vector:
        cells = as_maps(squarish(values.ravel()))[None]
        what, columns = f"{values.size:,} values", 1
    else:
        cells = as_maps(strongest_maps(values)).transpose(2, 0, 1, 3)
        rows, wide, count = values.shape
        some = f"the {len(cells)} strongest of " if len(cells) < count else ""
        what, columns = f"{some}{count:,} maps of {rows}×{wide}", 4
    target = CELL if columns > 1 else 4 * CELL
    scaled = [shrunk(enlarged(cell, max(target // max(cell.shape[:2]), 1)), target) for cell in cells]
    alternative = f"{stage.name} for {name}: {what}"
    return album.figure(
        f"{image_of(image)}-maps-{stage.name}", grid(scaled, columns, gap=3), alternative, f"{stage.name}: {what}"
    )


def _prototypes(state: np.ndarray, distances: np.ndarray, image: int, name: str, album: Album) -> Markup:
    """The state of F6 beside the prototypes of the ten digits, and the squared distances between them."""
    bitmaps = [painted(one.reshape(BITMAP), "gray_r", -1, 1) for one in (state, *digit_prototypes())]
    large = [enlarged(bitmap, 6) for bitmap in bitmaps]
    pixels = beside(grid(large[:1], 1), grid(large[1:], 10, gap=12), gap=36)
    nearest = int(distances.argmin())
    alternative = f"The 84 values of F6 for {name} as a bitmap of 7×12, then the prototypes of the digits 0 to 9"
    caption = f"The state of F6, then the prototypes of the digits. The nearest is {nearest}."
    row = ["squared distance", *(f"{distance:.1f}" for distance in distances)]
    return Markup("").join(
        [
            heading("The output layer: distances to prototypes"),
            album.figure(f"{image_of(image)}-prototypes", pixels, alternative, caption),
            table(
                ["digit", *map(str, range(10))],
                [row],
                label=f"distances to the prototypes, {name}",
                numeric=range(1, 11),
            ),
        ]
    )
