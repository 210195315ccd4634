"""From the bytes of one picture to a square uint8 array, or a whole one.

As AlexNet has it (§2): the shorter side becomes `size`, then the centre `size` × `size` is cut out.
The usual JPEG goes through simplejpeg and a vectorised resizer, which decode and resize what is needed of it; any
other file (CMYK, PNG, 16 bit, …) and pictures that are arrays already through Pillow. `color_modes` says what becomes
of each of Pillow's modes, docs/input-pipeline.md has the measurements.

The orientation in a file's EXIF data is ignored: the pixels are taken as they are stored, as TFDS and torchvision take
them. In a TIFF alone it is part of the format, and followed.
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from jaxcnn.data.decoding import jpeg
from jaxcnn.data.decoding.color_modes import to_mode
from jaxcnn.data.decoding.resize import Box, reach, resize


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
    image: bytes | np.ndarray,
    *,
    size: int,
    channels: int,
    choose: Callable[[int, int], Window] = central_square,
    quick: bool = False,
) -> np.ndarray:
    """Decodes, resizes and crops one picture.

    Args:
        image: an encoded picture (JPEG, PNG, TIFF, …; of any mode in the table of `color_modes`), or uint8
            [h, w, 1 or 3]. An orientation in its EXIF data is ignored: the pixels are taken as they are stored
            (a TIFF's own orientation is followed).
        size: the side of the result in pixels.
        channels: 1 (grey, by the luma weights of ITU-R 601) or 3 (RGB).
        choose: (width, height) → the window that is kept. It must give the same part of the picture for any
            scale of its sides: it is asked before a JPEG is decoded, and maybe again of what came out.
        quick: for random crops in training: a JPEG may be decoded at a smaller scale as long as the window has `size`
            pixels then, and with the cruder arithmetic of `jpeg.decode_top`. Else the last halving at least is left
            to the filter, which does it better.

    Returns:
        uint8 [size, size, channels], 0–255. A window of that very shape comes back bit-equal; any other is
        resized by its filter, antialiased. Transparency is dropped; more than eight bits are scaled to eight.

    Raises:
        ValueError: the bytes are no picture, or a damaged one.
    """
    if isinstance(image, bytes):
        decoded = _of_jpeg(image, size, channels, choose, quick)
        if decoded is not None:
            return decoded
    mode = {1: "L", 3: "RGB"}[channels]
    if isinstance(image, np.ndarray):
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        picture = to_mode(picture, mode)
    else:
        picture = _open(image, mode, size, choose)
    # Resizing the window alone gives what resizing all and then cropping gives, for less.
    box, resampling = choose(*picture.size)
    if box != (0, 0, size, size) or picture.size != (size, size):
        picture = picture.resize((size, size), resampling, box=box)
    return np.asarray(picture).reshape(size, size, channels)


def _of_jpeg(
    encoded: bytes, size: int, channels: int, choose: Callable[[int, int], Window], quick: bool
) -> np.ndarray | None:
    """The same for the usual JPEG; None for any other file, and for one that can't be read."""
    frame = jpeg.read_frame(encoded)
    if frame is None or jpeg.is_bomb(frame):
        return None
    (left, top, right, bottom), resampling = choose(frame.width, frame.height)
    scale = jpeg.scale_for(right - left, bottom - top, size if quick else 2 * size)
    rows = bottom + reach(bottom - top, size, resampling)
    pixels = jpeg.decode_top(encoded, frame, rows=rows, scale=scale, channels=channels, quick=quick)
    if pixels is None:
        return None
    return resize(pixels, (left / scale, top / scale, right / scale, bottom / scale), (size, size), resampling)


def _open(encoded: bytes, mode: str, size: int, choose: Callable[[int, int], Window] = central_square) -> Image.Image:
    with readable(encoded):
        picture = Image.open(io.BytesIO(encoded))
        left, top, right, bottom = choose(*picture.size).box
        # A JPEG can be decoded at 1/2, 1/4 or 1/8, for which draft() keeps both sides at what is asked
        # for or above. The last halving at least is left to the filter, which does it better.
        width, height = (2 * size * whole for whole in picture.size)
        picture.draft(mode, (int(width / (right - left)), int(height / (bottom - top))))
        picture.load()
        return to_mode(picture, mode)


@contextlib.contextmanager
def readable(encoded: bytes) -> Iterator[None]:
    """Whatever Pillow raises within becomes ValueError."""
    try:
        yield
    except UnidentifiedImageError as error:  # whose own message names an object in memory
        raise ValueError(f"not a readable picture ({len(encoded)} bytes): of no known kind") from error
    # Pillow's decoders have no common error: a damaged PNG raises SyntaxError, a bomb its own.
    except (OSError, SyntaxError, ValueError, IndexError, Image.DecompressionBombError) as error:
        raise ValueError(f"not a readable picture ({len(encoded)} bytes): {error}") from error


BILINEAR = Image.Resampling.BILINEAR
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
    frame = jpeg.read_frame(image) if isinstance(image, bytes) else None
    if isinstance(image, bytes) and frame is not None and not jpeg.is_bomb(frame):
        scale = jpeg.scale_for(frame.width, frame.height, 2 * shorter_side)
        pixels = jpeg.decode_top(image, frame, rows=frame.height, scale=scale, channels=channels, quick=False)
        if pixels is not None:
            box, size = _without_ends((frame.width, frame.height), shorter_side)
            left, top, right, bottom = box
            return resize(pixels, (left / scale, top / scale, right / scale, bottom / scale), size, BILINEAR)
    mode = {1: "L", 3: "RGB"}[channels]
    if isinstance(image, np.ndarray):
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        sides = picture.size
        picture = to_mode(picture, mode)
    else:
        picture = _open(image, mode, shorter_side)
        sides = Image.open(io.BytesIO(image)).size  # before scaled decoding, which rounds
    box, size = _without_ends(sides, shorter_side)
    if picture.size != size:
        across, down = picture.width / sides[0], picture.height / sides[1]
        scaled = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
        picture = picture.resize(size, BILINEAR, box=scaled)
    return np.asarray(picture).reshape(size[1], size[0], channels)


def whole_shape(image: bytes | np.ndarray, *, shorter_side: int) -> tuple[int, int]:
    """Height and width of what `decode_whole` makes of a picture, read from its header alone.

    Raises:
        ValueError: the bytes are no picture.
    """
    frame = jpeg.read_frame(image) if isinstance(image, bytes) else None
    if frame is not None:
        sides = frame.width, frame.height
    elif isinstance(image, bytes):
        with readable(image):
            sides = Image.open(io.BytesIO(image)).size
    else:
        sides = image.shape[1], image.shape[0]
    width, height = _without_ends(sides, shorter_side)[1]
    return height, width


def _without_ends(sides: tuple[int, int], shorter_side: int) -> tuple[Box, tuple[int, int]]:
    """What is kept of a picture of these sides, and the size that it gets: all but a pathological one's ends."""
    shorter = min(sides)
    across, down = (min(side, LONGEST * shorter) for side in sides)
    left, top = (sides[0] - across) / 2, (sides[1] - down) / 2
    width, height = ((2 * side * shorter_side + shorter) // (2 * shorter) for side in (across, down))
    return (left, top, left + across, top + down), (width, height)
