"""Arrays as PNG files, always the same bytes for the same array."""

import io

import numpy as np
from PIL import Image


def png(pixels: np.ndarray) -> bytes:
    """A PNG of uint8 [height, width] in grey, or [height, width, 3 or 4] in colours, the fourth being opacity."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    return buffer.getvalue()


def enlarged(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Each pixel as a square of `factor`×`factor` pixels."""
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def resized(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """A map of floats [rows, columns] at another size, interpolated between the middles of its cells."""
    image = Image.fromarray(values.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def shrunk(pixels: np.ndarray, side: int) -> np.ndarray:
    """An image, uint8 [h, w, 3 or 4], of which no side is longer than `side` pixels."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
