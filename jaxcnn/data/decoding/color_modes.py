"""Conversion of every Pillow mode to 8-bit grey or RGB, scaling values where Pillow's own `convert` would clip them.

| mode | source | result |
| --- | --- | --- |
| 1, L, P, RGB, RGBX, CMYK, YCbCr, HSV, LAB | most files | that of Pillow's `convert` |
| LA, La, PA, RGBA, RGBa | files with transparency | the colours, without the transparency |
| I;16, I;16L, I;16B, I;16N | 16-bit PNG, TIFF and JPEG 2000; 12-bit TIFF | the upper eight bits |
| I | 32-bit TIFF, 16-bit PGM | scaled by its range, see `_scaled` |
| F | floating-point TIFF and PFM | scaled by its range, see `_scaled` |
"""

import numpy as np
from PIL import Image

BITS_PER_SAMPLE, SAMPLE_FORMAT = 258, 339  # TIFF tags
UNSIGNED = 1


def to_mode(image: Image.Image, mode: str) -> Image.Image:
    """Converts an image to "L" (grey, by the luma weights of ITU-R 601) or "RGB", 0–255.

    Raises:
        ValueError: the image has values that aren't finite.
    """
    if image.mode == "F" or image.mode.split(";")[0] == "I":
        image = _eight_bits(image)
    if image.mode == "P" and "transparency" in image.info:  # otherwise Pillow warns
        image = image.convert("RGBA")
    if image.mode in ("La", "RGBa"):  # premultiplied by the opacity
        image = image.convert(image.mode.upper())
    if image.mode == "LAB" and mode == "L":  # Pillow has no direct conversion
        image = image.convert("RGB")
    return image if image.mode == mode else image.convert(mode)


def on_white(image: Image.Image) -> Image.Image:
    """A transparent image as it looks on white, "L" or "RGB"; any other image as it is."""
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    if not image.has_transparency_data:
        return image
    if image.mode.split(";")[0] == "I":  # one value is transparent, and Pillow's `convert` would lose it
        grey = np.array(to_mode(image, "L"))
        grey[np.asarray(image) == image.info["transparency"]] = 255
        return Image.fromarray(grey)
    mode = "L" if is_grey(image.mode) else "RGB"
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert(mode)


def is_grey(mode: str) -> bool:
    """Whether images of this Pillow mode are grey."""
    return mode in ("1", "L", "LA", "La", "F") or mode.split(";")[0] == "I"


def _eight_bits(image: Image.Image) -> Image.Image:
    """Converts an image of one channel with more than eight bits to "L"."""
    values = np.asarray(image)
    tags = getattr(image, "tag_v2", {})  # only TIFF files have them
    bits = tags.get(BITS_PER_SAMPLE, (16,))[0]
    if image.mode != "I" and image.mode != "F":
        scaled = values >> (bits - 8)
    elif image.mode == "I" and image.format in ("PNG", "PPM"):  # 16-bit values in Pillow's 32-bit mode
        scaled = values >> 8
    else:
        if image.mode == "I" and bits == 32 and tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0] == UNSIGNED and tags:
            values = values.view(np.uint32)  # Pillow has no unsigned 32-bit mode
        scaled = _scaled(values)
    return Image.fromarray(scaled.astype(np.uint8))


def _scaled(values: np.ndarray) -> np.ndarray:
    """Scales 32-bit integers or floating-point values to 0–255.

    These formats don't define which value is white. It is taken to be the smallest customary one that no value
    exceeds: 1 (floating point only), 255, 65,535 or 4,294,967,295. If a value is negative or exceeds all of these, the
    smallest value becomes black and the largest white.
    """
    if not np.isfinite(values).all():
        raise ValueError("it has values that aren't finite")
    low, high = float(values.min()), float(values.max())
    whites = [1.0] if values.dtype.kind == "f" else []
    white = next((white for white in [*whites, 255.0, 65_535.0, 4_294_967_295.0] if high <= white), None)
    if low < 0 or white is None:
        return np.round((values.astype(np.float64) - low) * (255 / (high - low if high > low else 1.0)))
    return np.round(values * np.float64(255 / white))
