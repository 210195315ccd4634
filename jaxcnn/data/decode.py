"""From the bytes of one picture to a square uint8 array, or a whole one.

As AlexNet has it (§2): the shorter side becomes `size`, then the centre `size` × `size` is cut out.
Pillow does the work. On 64 ImageNet photographs at 256 pixels (one core of a busy machine, best of nine
for each picture, the libraries in turn) it makes 360 a second and simplejpeg 392: nine per cent, for which
a second JPEG library that knows no CMYK and no PNG isn't worth having.
"""

import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image


class Window(NamedTuple):
    """A part of a picture, (left, top, right, bottom) in its pixels, and the filter that resizes it."""

    box: tuple[float, float, float, float]
    resampling: Image.Resampling = Image.Resampling.BILINEAR


def central_square(width: int, height: int) -> Window:
    """The largest square in the middle."""
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return Window((left, top, left + side, top + side))


def decode(
    image: bytes | np.ndarray, *, size: int, channels: int, choose: Callable[[int, int], Window] = central_square
) -> np.ndarray:
    """Decodes, resizes and crops one picture.

    Args:
        image: an encoded picture (JPEG, PNG, …; grey, RGB, CMYK, palette, 16 bit), or uint8 [h, w, 1 or 3].
        size: the side of the result in pixels.
        channels: 1 (grey, by the luma weights of ITU-R 601) or 3 (RGB).
        choose: (width, height) → the window that is kept. It must give the same part of the picture for any
            scale of its sides: it is asked before a large JPEG is decoded, and again of what came out.

    Returns:
        uint8 [size, size, channels], 0–255. A window of that very shape comes back bit-equal; any other is
        resized by its filter, antialiased. Transparency is dropped.

    Raises:
        ValueError: the bytes are no picture, or a damaged one.
    """
    mode = {1: "L", 3: "RGB"}[channels]
    if isinstance(image, np.ndarray):
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    else:
        picture = _open(image, mode, size, choose)
    if picture.mode != mode:
        picture = picture.convert(mode)
    # Resizing the window alone gives what resizing all and then cropping gives, for less.
    box, resampling = choose(*picture.size)
    if box != (0, 0, size, size) or picture.size != (size, size):
        picture = picture.resize((size, size), resampling, box=box)
    return np.asarray(picture).reshape(size, size, channels)


def _open(encoded: bytes, mode: str, size: int, choose: Callable[[int, int], Window] = central_square) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(encoded))
        left, top, right, bottom = choose(*picture.size).box
        # A JPEG can be decoded at 1/2, 1/4 or 1/8, for which draft() keeps both sides at what is asked
        # for or above. The last halving at least is left to the filter, which does it better.
        width, height = (2 * size * whole for whole in picture.size)
        picture.draft(mode, (int(width / (right - left)), int(height / (bottom - top))))
        picture.load()
    # Pillow's decoders have no common error: a damaged PNG raises SyntaxError, a bomb its own.
    except (OSError, SyntaxError, ValueError, IndexError, Image.DecompressionBombError) as error:
        raise ValueError(f"not a readable picture ({len(encoded)} bytes): {error}") from error
    if picture.mode.startswith("I"):  # 16 bit: Pillow's convert() would clip where it should scale
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    return picture


LONGEST = 8  # times the shorter side: what is beyond would take any amount of memory


def decode_whole(image: bytes | np.ndarray, *, shorter_side: int, channels: int) -> np.ndarray:
    """Decodes and resizes one picture, and cuts nothing off.

    Args:
        image: as for `decode`.
        shorter_side: in pixels; the longer side keeps its proportion, to the nearest pixel.
        channels: as for `decode`.

    Returns:
        uint8 [h, w, channels], resized as `decode` does it. Only a picture more than eight times as long as
        wide loses its ends.

    Raises:
        ValueError: the bytes are no picture, or a damaged one.
    """
    mode = {1: "L", 3: "RGB"}[channels]
    if isinstance(image, np.ndarray):
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        sides = picture.size
    else:
        picture = _open(image, mode, shorter_side)
        sides = Image.open(io.BytesIO(image)).size  # before scaled decoding, which rounds
    if picture.mode != mode:
        picture = picture.convert(mode)
    shorter = min(sides)
    kept = [min(side, LONGEST * shorter) for side in sides]
    size = [(2 * side * shorter_side + shorter) // (2 * shorter) for side in kept]
    if picture.size != tuple(size):
        # Of what was decoded, maybe at a smaller scale: all but a pathological picture's ends.
        across, down = (now * part / whole for now, part, whole in zip(picture.size, kept, sides, strict=True))
        left, top = (picture.width - across) / 2, (picture.height - down) / 2
        box = (left, top, left + across, top + down)
        picture = picture.resize((size[0], size[1]), Image.Resampling.BILINEAR, box=box)
    return np.asarray(picture).reshape(size[1], size[0], channels)
