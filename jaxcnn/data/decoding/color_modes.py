"""From any of Pillow's modes to 8-bit grey or RGB, by scaling where Pillow's own `convert` would clip.

| mode | comes from | becomes |
| --- | --- | --- |
| 1, L, P, RGB, RGBX, CMYK, YCbCr, HSV, LAB | most files | what Pillow's `convert` makes of it |
| LA, La, PA, RGBA, RGBa | files with transparency | the colours; the transparency is dropped |
| I;16, I;16L, I;16B, I;16N | PNG, TIFF, JPEG 2000 of 16 bit; TIFF of 12 bit | the upper eight bits |
| I | TIFF of 32 bit, PGM of 16 bit | scaled by its range, see `_scaled` |
| F | TIFF and PFM of floating point | scaled by its range, see `_scaled` |
"""

import numpy as np
from PIL import Image

BITS_PER_SAMPLE, SAMPLE_FORMAT = 258, 339  # TIFF's tags
UNSIGNED = 1


def to_mode(picture: Image.Image, mode: str) -> Image.Image:
    """The picture as "L" (grey, by the luma weights of ITU-R 601) or "RGB", 0–255.

    Raises:
        ValueError: it has values that aren't finite.
    """
    if picture.mode == "F" or picture.mode.split(";")[0] == "I":
        picture = _eight_bits(picture)
    if picture.mode == "P" and "transparency" in picture.info:  # Pillow warns where this isn't the first step
        picture = picture.convert("RGBA")
    if picture.mode in ("La", "RGBa"):  # colours multiplied by their opacity
        picture = picture.convert(picture.mode.upper())
    if picture.mode == "LAB" and mode == "L":  # Pillow has no direct way
        picture = picture.convert("RGB")
    return picture if picture.mode == mode else picture.convert(mode)


def is_grey(mode: str) -> bool:
    """Whether pictures of this mode of Pillow's have no colours."""
    return mode in ("1", "L", "LA", "La", "F") or mode.split(";")[0] == "I"


def _eight_bits(picture: Image.Image) -> Image.Image:
    """A picture of one channel with more than eight bits, as "L"."""
    values = np.asarray(picture)
    tags = getattr(picture, "tag_v2", {})  # a TIFF's
    bits = tags.get(BITS_PER_SAMPLE, (16,))[0]
    if picture.mode != "I" and picture.mode != "F":
        scaled = values >> (bits - 8)
    elif picture.mode == "I" and picture.format in ("PNG", "PPM"):  # Pillow's way to hold 16 bits of these
        scaled = values >> 8
    else:
        if picture.mode == "I" and bits == 32 and tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0] == UNSIGNED and tags:
            values = values.view(np.uint32)  # Pillow has no mode for it
        scaled = _scaled(values)
    return Image.fromarray(scaled.astype(np.uint8))


def _scaled(values: np.ndarray) -> np.ndarray:
    """Values of 32-bit integers or floating point, scaled to 0–255.

    These formats don't say which value is white. It is taken to be the least of those in use that no value exceeds:
    1 (floating point alone), 255, 65,535 and 4,294,967,295. Where a value is below 0 or above all of them, the least
    value becomes black and the greatest white.
    """
    if not np.isfinite(values).all():
        raise ValueError("it has values that aren't finite")
    low, high = float(values.min()), float(values.max())
    whites = [1.0] if values.dtype.kind == "f" else []
    white = next((white for white in [*whites, 255.0, 65_535.0, 4_294_967_295.0] if high <= white), None)
    if low < 0 or white is None:
        return np.round((values.astype(np.float64) - low) * (255 / (high - low if high > low else 1.0)))
    return np.round(values * np.float64(255 / white))
