"""The orientation in EXIF data: how a stored image is to be turned and mirrored before it is shown.

| value | shown is the stored image |
| --- | --- |
| 1 | as it is |
| 2, 3, 4 | mirrored left to right, turned by 180°, mirrored top to bottom |
| 5, 6, 7, 8 | transposed, turned by 90° clockwise, transposed along the other diagonal, turned by 90° anticlockwise |

Instead of the whole image, only the window that was cut out of it is turned; `stored_box` finds that window in the
stored image. Source: CIPA DC-008 (EXIF 2.32), §4.6.4, tag 274.
"""

from typing import Literal

import numpy as np

from jaxcnn.data.decoding.resize import Box

TAG = 0x0112
SHORT = 3  # type of the tag's value, 16 bits
MOST_ENTRIES = 1000  # of a directory: damaged data may claim more
UPRIGHT = 1
TRANSPOSED = (5, 6, 7, 8)
UPSIDE_DOWN = (3, 4, 6, 7)  # the stored rows are reversed, before transposing
REVERSED = (2, 3, 7, 8)  # the stored columns are reversed


def read_orientation(encoded: bytes) -> int:
    """The orientation, 1–8, of a JPEG, PNG or WebP file; 1 for any other file, and where none is given."""
    if encoded.startswith(b"\xff\xd8"):
        return _of_exif(_exif_of_jpeg(encoded))
    if encoded.startswith(b"\x89PNG\r\n\x1a\n"):
        return _of_exif(_chunk(encoded, b"eXIf", start=8, order="big", length_first=True, around=12, even=False))
    if encoded.startswith(b"RIFF") and encoded[8:12] == b"WEBP":
        return _of_exif(_chunk(encoded, b"EXIF", start=12, order="little", length_first=False, around=8, even=True))
    return UPRIGHT


def stored_box(box: Box, sides: tuple[int, int], orientation: int) -> Box:
    """The box of the stored image that is shown as `box`.

    Args:
        box: (left, top, right, bottom) in the shown image.
        sides: width and height of the stored image.
        orientation: 1–8.
    """
    left, top, right, bottom = box
    if orientation in TRANSPOSED:
        left, top, right, bottom = top, left, bottom, right
    if orientation in REVERSED:
        left, right = sides[0] - right, sides[0] - left
    if orientation in UPSIDE_DOWN:
        top, bottom = sides[1] - bottom, sides[1] - top
    return (left, top, right, bottom)


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Stored pixels [h, w, c] as they are to be shown; [w, h, c] for the orientations 5–8."""
    if orientation in UPSIDE_DOWN:
        pixels = pixels[::-1]
    if orientation in REVERSED:
        pixels = pixels[:, ::-1]
    return pixels.transpose(1, 0, 2) if orientation in TRANSPOSED else pixels


def _exif_of_jpeg(encoded: bytes) -> bytes:
    """The EXIF data of a JPEG; empty if it has none before its first scan."""
    place = 2
    while place + 4 <= len(encoded) and encoded[place] == 0xFF:
        marker, length = encoded[place + 1], int.from_bytes(encoded[place + 2 : place + 4])
        if marker == 0xFF:  # padding before a marker
            place += 1
            continue
        if marker == 0xDA or length < 2:
            break
        if marker == 0xE1 and encoded[place + 4 : place + 10] == b"Exif\0\0":
            return encoded[place + 10 : place + 2 + length]
        place += 2 + length
    return b""


def _chunk(
    encoded: bytes,
    wanted: bytes,
    *,
    start: int,
    order: Literal["big", "little"],
    length_first: bool,
    around: int,
    even: bool,
) -> bytes:
    """The data of the first chunk with this name in a PNG or WebP file; empty if there is none."""
    place = start
    while place + 8 <= len(encoded):
        first, second = encoded[place : place + 4], encoded[place + 4 : place + 8]
        name, size = (second, first) if length_first else (first, second)
        length = int.from_bytes(size, order)
        if name == wanted:
            return encoded[place + 8 : place + 8 + length]
        place += around + length + (length % 2 if even else 0)
    return b""


def _of_exif(exif: bytes) -> int:
    """The orientation in EXIF data, which has the form of a TIFF file."""
    exif = exif.removeprefix(b"Exif\0\0")
    orders: dict[bytes, Literal["little", "big"]] = {b"II": "little", b"MM": "big"}
    order = orders.get(exif[:2])
    if order is None or int.from_bytes(exif[2:4], order) != 42:
        return UPRIGHT
    directory = int.from_bytes(exif[4:8], order)
    count = int.from_bytes(exif[directory : directory + 2], order)
    for number in range(min(count, MOST_ENTRIES)):
        entry = exif[directory + 2 + 12 * number :][:12]
        if len(entry) < 12:
            break
        if int.from_bytes(entry[:2], order) == TAG and int.from_bytes(entry[2:4], order) == SHORT:
            value = int.from_bytes(entry[8:10], order)
            return value if 1 <= value <= 8 else UPRIGHT
    return UPRIGHT
