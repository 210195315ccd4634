"""Decoding only the part of a JPEG that a window needs: fewer rows, and 1/2, 1/4 or 1/8 of the size.

The rows below a window are skipped by replacing the height in the file's header. The remaining rows are bit-equal to
those of the whole image, because a few more rows are decoded than are used. The rows above can't be skipped, because
entropy-coded data has no index.
"""

import math
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

SCALES = (8, 4, 2, 1)

START, END, START_OF_SCAN = 0xD8, 0xD9, 0xDA
SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1), 0xC2
# Other frames: lossless, hierarchical or arithmetic coding. 0xC4, 0xC8 and 0xCC aren't frames.
OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)


class Frame(NamedTuple):
    """The header of a JPEG.

    Attributes:
        width, height: pixels.
        unit: rows of pixels that are coded together, 8 or 16.
        height_at: offset of the two bytes of the height in the file.
        cuttable: whether rows at the bottom can be skipped, because all components are in one sequential scan.
    """

    width: int
    height: int
    unit: int
    height_at: int
    cuttable: bool


def read_frame(encoded: bytes) -> Frame | None:
    """The frame of a complete 8-bit grey, YCbCr or RGB JPEG; None for any other file.

    A file is complete if an end marker follows its first scan. Truncated files are left to Pillow, which reports them.
    """
    place, found = 2, None
    if encoded[:2] != bytes((0xFF, START)):
        return None
    while place + 4 <= len(encoded) and encoded[place] == 0xFF:
        marker, length = encoded[place + 1], int.from_bytes(encoded[place + 2 : place + 4])
        if marker == 0xFF:  # padding before a marker
            place += 1
            continue
        if marker == START_OF_SCAN:
            complete = encoded.rfind(bytes((0xFF, END)), place) >= 0
            if found is None or not complete:
                return None
            frame, components = found
            return frame._replace(cuttable=frame.cuttable and encoded[place + 4] == components)
        if marker in OTHER_FRAMES or length < 2:
            return None
        if marker in (*SEQUENTIAL, PROGRESSIVE):
            header = encoded[place + 4 : place + 2 + length]
            if len(header) < 6 or header[0] != 8 or header[5] not in (1, 3) or len(header) < 6 + 3 * header[5]:
                return None
            height, width = (int.from_bytes(header[at : at + 2]) for at in (1, 3))
            # A single component is never interleaved: its unit is one block, whatever its sampling factor.
            unit = 8 if header[5] == 1 else 8 * max(header[7 + 3 * component] & 15 for component in range(3))
            if not (height and width and unit):
                return None
            found = Frame(width, height, unit, place + 5, marker in SEQUENTIAL), header[5]
        place += 2 + length
    return None


def scale_for(across: float, down: float, size: float) -> int:
    """The largest divisor (8, 4, 2 or 1) at which a window still has `size` pixels in both directions."""
    return next((scale for scale in SCALES if min(across, down) >= scale * size), 1)


def decode_top(
    encoded: bytes, frame: Frame, *, rows: float, scale: int, channels: int, quick: bool
) -> np.ndarray | None:
    """Decodes at least the first rows of an image.

    Args:
        encoded: the file.
        frame: its header, from `read_frame`.
        rows: the number of rows needed, before scaling.
        scale: the divisor of both sides: 1, 2, 4 or 8.
        channels: 1 or 3.
        quick: a less accurate cosine transform, and subsampled colours repeated instead of interpolated; about 5 %
            faster.

    Returns:
        uint8 [≥ rows/scale, ⌈width/scale⌉, channels]; None if this decoder can't read the file.
    """
    # Subsampled colours are interpolated across two units, so the last rows depend on the next unit.
    context = 0 if quick or frame.unit == 8 else 1
    height = min((math.ceil(rows / frame.unit) + context) * frame.unit, frame.height)
    if height < frame.height and frame.cuttable:
        at = frame.height_at
        encoded = b"".join((encoded[:at], height.to_bytes(2), encoded[at + 2 :]))
    else:
        height = frame.height
    try:
        return simplejpeg.decode_jpeg(
            encoded,
            {1: "GRAY", 3: "RGB"}[channels],
            fastdct=quick,
            fastupsample=quick,
            min_height=-(-height // scale),
            min_width=-(-frame.width // scale),
            strict=False,  # accepts the data behind the last row
        )
    except ValueError:
        return None


def is_bomb(frame: Frame) -> bool:
    """Whether the image exceeds the size above which Pillow warns of a decompression bomb."""
    return frame.width * frame.height > (Image.MAX_IMAGE_PIXELS or math.inf)
