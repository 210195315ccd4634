"""What excites units of deeper layers: nine patches of the data for each, and their projections to the image."""

import numpy as np
from markupsafe import Markup

from jaxcnn.inspection.methods.patches import Patch
from jaxcnn.inspection.network.graph import Stage
from jaxcnn.inspection.pictures.boxes_on_image import cut_out
from jaxcnn.inspection.pictures.colours import signal, with_opacity
from jaxcnn.inspection.pictures.grid import FRAME, beside, grid
from jaxcnn.inspection.pictures.png import enlarged, shrunk
from jaxcnn.inspection.sections.album import Album, heading, paragraph, tiles
from jaxcnn.reporting.pages.page import Section

TILE = 24  # rem, the width of a unit on the page, at least
CELL = 84  # pixels of a patch's side on the page, about

# For each place: the stage, and for each of its units the patches and the projections of some of them.
Found = list[tuple[Stage, list[tuple[int, list[Patch], list[np.ndarray]]]]]


def patches_section(found: Found, pixels: np.ndarray, data: str, album: Album) -> Section:
    """The patches that excite units most.

    Args:
      found: the units; a projection is a signal at the image, float32 [size, size, channels].
      pixels: of the surveyed images, uint8 [images, size, size, channels].
      data: what these images are, "mnist, 2,000 training images".
      album: for the figures.
    """
    parts = [
        paragraph(
            f"Of {data}: the nine images that excite a unit most, each cut out by the unit's receptive field, the "
            "strongest first. The field follows from the windows, strides and padding of the layers and is cut off at "
            "the border of the image. Beside them is the deconvnet's projection: the pattern that the unit's value, "
            "carried back through the network, leaves on the image. Grey is 0."
        )
    ]
    for stage, units in found:
        height, width = stage.fields.largest()
        parts.append(heading(f"{stage.name}: fields of up to {height}×{width} pixels"))
        if not units:
            parts.append(paragraph("None of its units responds to these images."))
        parts.append(tiles([_unit(stage, *unit, pixels, album) for unit in units], width=TILE))
    return Section("What excites a unit", Markup("").join(parts))


def _unit(
    stage: Stage, channel: int, patches: list[Patch], projections: list[np.ndarray], pixels: np.ndarray, album: Album
) -> Markup:
    """The patches of one unit at the left, the projections at the right."""
    side = max(max(p.box.bottom - p.box.top, p.box.right - p.box.left) for p in patches)
    shown = [_cell(cut_out(pixels[patch.image], patch.box), side) for patch in patches]
    signals = [_cell(signal(cut_out(s, p.box)), side) for s, p in zip(projections, patches, strict=False)]
    pair = beside(grid(shown, 3, 3, FRAME), grid(signals, 3, 3, FRAME))
    values = f"{patches[0].value:.3g} to {patches[-1].value:.3g}"
    name = f"{stage.name}, unit {channel}"
    alternative = f"The {len(patches)} patches that excite {name} most, and the projections of {len(signals)} of them"
    return album.figure(f"patches-{stage.name}-{channel}", pair, alternative, f"{name}: {values}")


def _cell(patch: np.ndarray, side: int) -> np.ndarray:
    """A patch at the scale at which one of `side` pixels fills a cell."""
    whole = np.zeros((side, side, 4), np.uint8)
    top, left = (side - patch.shape[0]) // 2, (side - patch.shape[1]) // 2
    whole[top : top + patch.shape[0], left : left + patch.shape[1]] = with_opacity(patch)
    return shrunk(enlarged(whole, max(CELL // side, 1)), CELL)
