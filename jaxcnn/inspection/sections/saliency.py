"""Where a network looks: Grad-CAM, occlusion, the derivative by the image, the deconvnet, and a receptive field."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from jaxcnn.inspection.drawing.boxes_on_image import FIELD, MEASURED, outlined
from jaxcnn.inspection.drawing.colours import overlaid, signal, with_opacity
from jaxcnn.inspection.drawing.png import enlarged, resized
from jaxcnn.inspection.methods.measured_field import SHARE
from jaxcnn.inspection.network.boxes import Box
from jaxcnn.inspection.network.opened import OpenedNetwork
from jaxcnn.inspection.sections.album import Album, folded, image_of, paragraph, tiles
from jaxcnn.reporting.pages.page import Section

SIDE = 224  # pixels of an image on the page, at least


@dataclasses.dataclass(frozen=True, eq=False)
class Looked:
    """Where the network looked in one image.

    Attributes:
        name: of the image.
        pixels: uint8 [size, size, channels].
        label: the class that the network gives it, and its name and probability.
        true_name: the name of its own class; None where that isn't known.
        cam: of that class, float32 [rows, columns].
        true_cam: of the image's own class, where that is another.
        fall: of the probability by occlusion, float32 [size, size].
        derivative: of the score by the image, float32 [size, size, channels].
        unit: what the projected unit is called.
        projection: of that unit, float32 [size, size, channels].
        field_unit: what the unit is called whose field is drawn; None where no unit responds.
        field, measured: its boxes.
        field_derivative: of that unit by the image.
    """

    name: str
    pixels: np.ndarray
    label_name: str
    probability: float
    true_name: str | None
    cam: np.ndarray
    true_cam: np.ndarray | None
    fall: np.ndarray
    derivative: np.ndarray
    unit: str | None
    projection: np.ndarray
    field_unit: str | None
    field: Box
    measured: Box | None
    field_derivative: np.ndarray


def saliency_section(network: OpenedNetwork, images: Sequence[Looked], positions: int, album: Album) -> Section:
    """The images, each with all that is known of where the network looked."""
    layer = network.last_maps
    rows, columns = layer.shape[:2] if layer.is_map else (1, 1)
    text = (
        f"Grad-CAM (Selvaraju et al. 2017) weighs the {rows}×{columns} maps of {layer.name}: the last that still have a "
        "place in the image, before they are averaged or fully connected, and before the last pooling makes them "
        f"coarser. Occlusion covers the image with a square at {positions}×{positions} places; bright is where the "
        "probability of the class falls. The derivative is that of the class's score by each pixel. The deconvnet "
        "(Zeiler & Fergus 2013) projects one unit. Of another unit, the yellow box is the receptive field by the "
        f"layers' windows, and the blue one holds {100 * SHARE:.0f} % of the derivative along each side."
    )
    if not network.is_rectified:
        text += (
            " This network has no ReLUs: its squashing functions pass the deconvnet's signal on by their derivative."
        )
    if network.trained.experiment.inputs.whitening is not None:
        text += " Boxes are in pixels of the whitened image, whitening itself mixes all pixels."
    parts = [paragraph(text)]
    for number, looked in enumerate(images):
        parts.append(folded(looked.name, tiles(_figures(looked, number, layer.name, album)), is_open=number == 0))
    return Section("Where it looks", Markup("").join(parts))


def _figures(looked: Looked, number: int, layer: str, album: Album) -> list[Markup]:
    size, name = looked.pixels.shape[0], looked.name
    factor = max(-(-SIDE // size), 1) if size < SIDE // 2 else 1
    large = enlarged(looked.pixels, factor)
    side = size * factor
    answer = f"{looked.label_name} ({100 * looked.probability:.1f} %)"
    wrong = looked.true_name is not None and looked.true_name != looked.label_name
    own = f"; its class is {looked.true_name}" if wrong else ", which is right" if looked.true_name is not None else ""

    def add(what: str, pixels: np.ndarray, alternative: str, caption: str) -> None:
        found.append(album.figure(f"{image_of(number)}-{what}", pixels, f"{alternative}, {name}", caption))

    def under(values: np.ndarray) -> np.ndarray:
        return overlaid(large, np.clip(resized(np.maximum(values, 0), side, side), 0, None))

    found: list[Markup] = []
    add("image", with_opacity(large), "What the network sees", f"What it sees. It says {answer}{own}.")
    add("grad-cam", under(looked.cam), f"Grad-CAM of {looked.label_name}", f"Grad-CAM of {looked.label_name}, {layer}")
    if looked.true_cam is not None:
        add(
            "grad-cam-true",
            under(looked.true_cam),
            f"Grad-CAM of {looked.true_name}",
            f"Grad-CAM of {looked.true_name}",
        )
    points = 100 * float(looked.fall.max())
    largest = (
        f"the probability falls by up to {points:.1f} points" if points >= 0.05 else "the probability hardly falls"
    )
    add("occlusion", under(looked.fall), "Occlusion", f"Occlusion: {largest}")
    strength = np.abs(looked.derivative).max(axis=-1)
    add("derivative", under(_clipped(strength)), "Derivative", f"Derivative of the score of {looked.label_name}")
    if looked.unit is not None:
        pixels = with_opacity(enlarged(signal(looked.projection), factor))
        add("deconvnet", pixels, f"Deconvnet's projection of {looked.unit}", f"Deconvnet: {looked.unit}")
    if looked.field_unit is not None:
        pixels = under(_clipped(np.abs(looked.field_derivative).max(axis=-1)))
        pixels = outlined(pixels, looked.field, FIELD, factor=factor)
        if looked.measured is not None:
            pixels = outlined(pixels, looked.measured, MEASURED, factor=factor)
        add("field", pixels, f"Receptive field of {looked.field_unit}", _field_caption(looked))
    return found


def _clipped(strength: np.ndarray) -> np.ndarray:
    """Without the few largest values, which would leave everything else dark."""
    return np.minimum(strength, np.quantile(strength, 0.995)) if strength.any() else strength


def _field_caption(looked: Looked) -> str:
    height, width = looked.field.bottom - looked.field.top, looked.field.right - looked.field.left
    text = f"Receptive field of {looked.field_unit}: {height}×{width} pixels"
    if looked.measured is None:
        return f"{text}; its derivative is 0"
    box = looked.measured
    return f"{text}, measured {box.bottom - box.top}×{box.right - box.left}"
