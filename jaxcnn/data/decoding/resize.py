"""Resizing a window of a picture, antialiased, as Pillow does it, four times as fast.

`cykooz_resizer` computes the convolutions that Pillow's `resize` does with the processor's vector instructions, and
lets go of Python's lock meanwhile. Its results differ by at most one of 255, a cubic filter's by two, as both round
between two passes, which they take in another order; by more where it overshoots black or white between them.
"""

import math
import threading

import cykooz_resizer as fast
import numpy as np
from PIL import Image

Box = tuple[float, float, float, float]  # left, top, right, bottom

FILTERS = {  # the others are Pillow's: on the border between two pixels its box filter decides otherwise
    Image.Resampling.BILINEAR: fast.FilterType.bilinear,
    Image.Resampling.BICUBIC: fast.FilterType.catmull_rom,
}
REACH = {  # of a filter, in pixels of what comes out
    Image.Resampling.NEAREST: 0.0,
    Image.Resampling.BOX: 0.5,
    Image.Resampling.BILINEAR: 1.0,
    Image.Resampling.BICUBIC: 2.0,
}
PIXELS = {1: fast.PixelType.U8, 3: fast.PixelType.U8x3}

_of_thread = threading.local()  # a resizer keeps buffers, and serves one call at a time


def reach(extent: float, size: int, resampling: Image.Resampling) -> float:
    """How far beyond a window of this extent a filter looks when it makes `size` pixels of it."""
    return REACH[resampling] * max(extent / size, 1.0) + 1


def resize(pixels: np.ndarray, box: Box, size: tuple[int, int], resampling: Image.Resampling) -> np.ndarray:
    """Makes a picture of `size` (width, height) out of a window.

    Args:
        pixels: uint8 [h, w, 1 or 3].
        box: the window, within the picture; need not lie on pixels. Filters look beyond it.
        size: what it becomes.
        resampling: the filter.

    Returns:
        uint8 [height, width, 1 or 3].
    """
    height, width, channels = pixels.shape
    left, top, right, bottom = box
    if box == (int(left), int(top), int(left) + size[0], int(top) + size[1]):
        return pixels[int(top) : int(bottom), int(left) : int(right)]
    if resampling not in FILTERS:
        picture = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
        return np.asarray(picture.resize(size, resampling, box=box)).reshape(size[1], size[0], channels)
    across, down = reach(right - left, size[0], resampling), reach(bottom - top, size[1], resampling)
    x, y = max(math.floor(left - across), 0), max(math.floor(top - down), 0)
    seen = pixels[y : min(math.ceil(bottom + down), height), x : min(math.ceil(right + across), width)]
    source = fast.ImageData(seen.shape[1], seen.shape[0], PIXELS[channels], seen.tobytes())
    result = fast.ImageData(size[0], size[1], PIXELS[channels])
    crop = fast.CropBox(
        left - x, top - y, _within(left, right, x + seen.shape[1]), _within(top, bottom, y + seen.shape[0])
    )
    options = fast.ResizeOptions(resize_alg=fast.ResizeAlg.convolution(FILTERS[resampling]), crop_box=crop)
    if not hasattr(_of_thread, "resizer"):
        _of_thread.resizer = fast.Resizer()
    _of_thread.resizer.resize(source, result, options)
    return np.frombuffer(result.get_buffer(), np.uint8).reshape(size[1], size[0], channels)


def _within(begin: float, end: float, limit: int) -> float:
    """A window's extent, a trifle less where rounding would push its end beyond the picture, which is an error."""
    return end - begin if end < limit else (limit - begin) * (1 - 1e-12)
