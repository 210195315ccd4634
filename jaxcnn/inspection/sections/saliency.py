"""Where a network looks: Grad-CAM, occlusion, the derivative by the image, the deconvnet, and a receptive field."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from jaxcnn.inspection.methods.measured_field import SHARE
from jaxcnn.inspection.network.boxes import Box
from jaxcnn.inspection.network.opened import OpenedNetwork
from jaxcnn.inspection.pictures.boxes_on_image import FIELD, MEASURED, outlined
from jaxcnn.inspection.pictures.colours import overlaid, signal, with_opacity
from jaxcnn.inspection.pictures.png import enlarged, resized
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
        f"Grad-CAM (Selvaraju et al. 2017) weighs the {rows}×{columns} maps of {layer.name}: the last that still have "
        "a place in the image, before they are averaged or fully connected, and before the last pooling makes them "
        f"coarser. Occlusion covers the image with a square at {positions}×{positions} places; bright is where the "
        "probability of the class falls. The derivative is that of the class's score by each pixel. The deconvnet "
        "(Zeiler & Fergus 2013) projects one unit. Of another unit, the yellow box is the receptive field by the "
        f"layers' windows, and the blue one holds {100 * SHARE:.0f} % of the derivative along each side."
    )
    if not network.is_rectified:
        text += " It has no ReLUs: its squashing functions pass the deconvnet's signal on by their derivative."
    if network.trained.experiment.inputs.whitening is not None:
        text += " Boxes are in pixels of the whitened image; whitening itself mixes all pixels."
    parts = [paragraph(text)]
    for number, looked in enumerate(images):
        parts.append(folded(looked.name, tiles(_figures(looked, number, layer.name, album)), is_open=number == 0))
    return Section("Where it looks", Markup("").join(parts))


def _figures(looked: Looked, number: int, layer: str, album: Album) -> list[Markup]:
    """The figures of one image."""
    canvas = _Canvas(looked, image_of(number), album)
    image, own = canvas.image, looked.label_name
    found = [
        canvas.figure("image", image, "What the network sees", _answer(looked)),
        canvas.figure("grad-cam", canvas.under(looked.cam), f"Grad-CAM of {own}", f"Grad-CAM of {own}, {layer}"),
    ]
    if looked.true_cam is not None:
        title = f"Grad-CAM of {looked.true_name}"
        found.append(canvas.figure("grad-cam-true", canvas.under(looked.true_cam), title, title))
    points = 100 * float(looked.fall.max())
    falls = f"falls by up to {points:.1f} points" if points >= 0.05 else "hardly falls"
    pixels = canvas.under(looked.fall)
    found.append(canvas.figure("occlusion", pixels, "Occlusion", f"Occlusion: the probability {falls}"))
    pixels = canvas.under(_strength(looked.derivative))
    found.append(canvas.figure("derivative", pixels, "Derivative", f"Derivative of the score of {own}"))
    if looked.unit is not None:
        pixels = with_opacity(enlarged(signal(looked.projection), canvas.factor))
        title = f"Deconvnet's projection of {looked.unit}"
        found.append(canvas.figure("deconvnet", pixels, title, f"Deconvnet: {looked.unit}"))
    if looked.field_unit is not None:
        pixels = canvas.boxed(canvas.under(_strength(looked.field_derivative)))
        title = f"Receptive field of {looked.field_unit}"
        found.append(canvas.figure("field", pixels, title, _field_caption(looked)))
    return found


class _Canvas:
    """Draws on an enlarged image, for figures whose files have one beginning."""

    def __init__(self, looked: Looked, file: str, album: Album) -> None:
        size = looked.pixels.shape[0]
        self._looked, self._file, self._album = looked, file, album
        self.factor = -(-SIDE // size) if size < SIDE // 2 else 1
        self.image = with_opacity(enlarged(looked.pixels, self.factor))

    def figure(self, what: str, pixels: np.ndarray, alternative: str, caption: str) -> Markup:
        return self._album.figure(f"{self._file}-{what}", pixels, f"{alternative}, {self._looked.name}", caption)

    def under(self, values: np.ndarray) -> np.ndarray:
        """The image under a map [rows, columns]; what is negative doesn't show."""
        side = self.image.shape[0]
        return overlaid(self.image, np.clip(resized(np.maximum(values, 0), side, side), 0, None))

    def boxed(self, pixels: np.ndarray) -> np.ndarray:
        """An image of this size with the field's boxes."""
        pixels = outlined(pixels, self._looked.field, FIELD, factor=self.factor)
        if self._looked.measured is None:
            return pixels
        return outlined(pixels, self._looked.measured, MEASURED, factor=self.factor)


def _answer(looked: Looked) -> str:
    """What the network says of the image, and whether that is right."""
    text = f"What it sees. It says {looked.label_name} ({100 * looked.probability:.1f} %)"
    if looked.true_name is None:
        return f"{text}."
    return f"{text}, which is right." if looked.true_cam is None else f"{text}; its class is {looked.true_name}."


def _strength(derivative: np.ndarray) -> np.ndarray:
    """The largest absolute value of each pixel's channels; the few largest, beside which all is dark, are cut off."""
    strength = np.abs(derivative).max(axis=-1)
    return np.minimum(strength, np.quantile(strength, 0.995)) if strength.any() else strength


def _field_caption(looked: Looked) -> str:
    height, width = looked.field.bottom - looked.field.top, looked.field.right - looked.field.left
    text = f"Receptive field of {looked.field_unit}: {height}×{width} pixels"
    if looked.measured is None:
        return f"{text}; its derivative is 0"
    box = looked.measured
    return f"{text}, measured {box.bottom - box.top}×{box.right - box.left}"
