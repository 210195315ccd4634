"""Decoding one image into a uint8 array, as a square or as a whole.

The square follows AlexNet (§2): the shorter side becomes `size` pixels, then the central `size` × `size` is cut out. Or
it is the whole image, warped, as Caffe's tools make it.
Ordinary JPEGs go through simplejpeg and a vectorised resizer, which decode and resize only what is needed; all other
files (CMYK, PNG, 16 bit, …) and arrays go through Pillow. `color_modes` lists the result for each of Pillow's modes;
docs/input-pipeline.md has the measurements.

The orientation in EXIF data is ignored and transparency dropped, as in TFDS and torchvision, so that results compare
with published ones. With `as_shown`, an image is decoded as an image viewer shows it: the orientation is followed, and
transparency is laid on white. The orientation of a TIFF is part of that format and is always followed.
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from jaxcnn.data.decoding import jpeg
from jaxcnn.data.decoding.color_modes import on_white, to_mode
from jaxcnn.data.decoding.orientation import TRANSPOSED, UPRIGHT, read_orientation, stored_box, upright
from jaxcnn.data.decoding.resize import Box, reach, resize

# What `as_shown` reads. Among Pillow's other formats are some that start programs, such as EPS.
SHOWN = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM")


class Window(NamedTuple):
    """A part of an image, (left, top, right, bottom) in pixels, and the filter that resizes it."""

    box: tuple[float, float, float, float]
    resampling: Image.Resampling = Image.Resampling.BILINEAR


def central_square(width: int, height: int) -> Window:
    """The largest square in the middle."""
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return Window((left, top, left + side, top + side))


def whole_image(width: int, height: int) -> Window:
    """All of the image; as a square it loses its proportions."""
    return Window((0, 0, width, height))


Resize = Literal["shorter_side", "warp"]  # how a whole image becomes a square: `config.inputs.Inputs.resize`
SQUARES: dict[Resize, Callable[[int, int], Window]] = {"shorter_side": central_square, "warp": whole_image}


def decode(
    image: bytes | np.ndarray,
    *,
    size: int,
    channels: int,
    choose: Callable[[int, int], Window] = central_square,
    quick: bool = False,
    as_shown: bool = False,
) -> np.ndarray:
    """Decodes, resizes and crops one image.

    Args:
        image: an encoded image (JPEG, PNG, TIFF, … in any mode that `color_modes` lists) or uint8 [h, w, 1 or 3].
        size: the side of the result, pixels.
        channels: 1 (grey, by the luma weights of ITU-R 601) or 3 (RGB).
        choose: maps (width, height) to the window to keep. It must choose the same part of an image at every scale,
            because it may be called before and after a JPEG is decoded at a smaller scale.
        quick: for random crops in training. A JPEG may be decoded at any scale at which the window has `size` pixels,
            with the faster arithmetic of `jpeg.decode_top`. Otherwise the window keeps twice that, because the
            filter halves an image better than the decoder does.
        as_shown: as an image viewer shows it: EXIF orientation is followed, and transparency is laid on white.

    Returns:
        uint8 [size, size, channels], 0–255. A window of exactly this shape is returned unchanged; any other is
        resized by its filter, with antialiasing. Transparency is dropped, unless `as_shown`; more than eight bits are
        scaled to eight.

    Raises:
        ValueError: the bytes are no image, or the image is damaged.
    """
    if as_shown and isinstance(image, bytes):
        orientation = read_orientation(image)
        choose = _in_stored(choose, orientation)
        return upright(_decode(image, size, channels, choose, quick, as_shown), orientation)
    return _decode(image, size, channels, choose, quick, False)


def _in_stored(choose: Callable[[int, int], Window], orientation: int) -> Callable[[int, int], Window]:
    """Chooses the same window, but in the image as it is stored."""
    if orientation == UPRIGHT:
        return choose

    def choose_in_stored(width: int, height: int) -> Window:
        shown = (height, width) if orientation in TRANSPOSED else (width, height)
        box, resampling = choose(*shown)
        return Window(stored_box(box, (width, height), orientation), resampling)

    return choose_in_stored


def _decode(
    image: bytes | np.ndarray,
    size: int,
    channels: int,
    choose: Callable[[int, int], Window],
    quick: bool,
    as_shown: bool,
) -> np.ndarray:
    """`decode` in the stored orientation."""
    if isinstance(image, bytes):
        decoded = _of_jpeg(image, size, channels, choose, quick)
        if decoded is not None:
            return decoded
    mode = {1: "L", 3: "RGB"}[channels]
    if isinstance(image, np.ndarray):
        opened = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        opened = to_mode(opened, mode)
    else:
        opened = _open(image, mode, size, choose, as_shown)
    # Resizing the window alone is cheaper than resizing the image and cropping it, with the same result.
    box, resampling = choose(*opened.size)
    if box != (0, 0, size, size) or opened.size != (size, size):
        opened = opened.resize((size, size), resampling, box=box)
    return np.asarray(opened).reshape(size, size, channels)


def _of_jpeg(
    encoded: bytes, size: int, channels: int, choose: Callable[[int, int], Window], quick: bool
) -> np.ndarray | None:
    """`decode` for ordinary JPEGs; None for any other file, and for one that can't be read."""
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


def _open(
    encoded: bytes,
    mode: str,
    size: int,
    choose: Callable[[int, int], Window] = central_square,
    as_shown: bool = False,
) -> Image.Image:
    with readable(encoded):
        opened = _header(encoded, as_shown)
        left, top, right, bottom = choose(*opened.size).box
        # draft() decodes a JPEG at 1/2, 1/4 or 1/8 as long as both sides keep the requested size. That is twice the
        # final size, because the filter halves an image better than the decoder does.
        width, height = (2 * size * whole for whole in opened.size)
        opened.draft(mode, (int(width / (right - left)), int(height / (bottom - top))))
        opened.load()
        return to_mode(on_white(opened) if as_shown else opened, mode)


def _header(encoded: bytes, as_shown: bool) -> Image.Image:
    """The opened image, whose pixels aren't decoded yet. Raises what Pillow raises."""
    return Image.open(io.BytesIO(encoded), formats=SHOWN if as_shown else None)


@contextlib.contextmanager
def readable(encoded: bytes) -> Iterator[None]:
    """Turns every error of Pillow's decoders into a ValueError."""
    try:
        yield
    except UnidentifiedImageError as error:  # its own message contains the address of an object
        raise ValueError(f"not a readable image ({len(encoded)} bytes): unknown format") from error
    except Exception as error:  # Pillow's decoders have no common error: a damaged PNG, for example, is a SyntaxError
        raise ValueError(f"not a readable image ({len(encoded)} bytes): {error}") from error


BILINEAR = Image.Resampling.BILINEAR
LONGEST = 8  # limit of the longer side, in shorter sides: without it, one image could need any amount of memory


def decode_whole(image: bytes | np.ndarray, *, shorter_side: int, channels: int, as_shown: bool = False) -> np.ndarray:
    """Decodes and resizes one image without cropping it.

    Args:
        image: as for `decode`.
        shorter_side: pixels; the longer side keeps its proportion, to the nearest pixel.
        channels, as_shown: as for `decode`.

    Returns:
        uint8 [h, w, channels], resized as by `decode`. Only an image whose longer side exceeds `LONGEST` shorter
        sides loses its ends.

    Raises:
        ValueError: the bytes are no image, or the image is damaged.
    """
    pixels = _decode_whole(image, shorter_side, channels, as_shown)
    return upright(pixels, read_orientation(image)) if as_shown and isinstance(image, bytes) else pixels


def _decode_whole(image: bytes | np.ndarray, shorter_side: int, channels: int, as_shown: bool) -> np.ndarray:
    """`decode_whole` in the stored orientation."""
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
        opened = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        sides = opened.size
        opened = to_mode(opened, mode)
    else:
        opened = _open(image, mode, shorter_side, as_shown=as_shown)
        sides = _header(image, as_shown).size  # before scaled decoding, which rounds
    box, size = _without_ends(sides, shorter_side)
    if opened.size != size:
        across, down = opened.width / sides[0], opened.height / sides[1]
        scaled = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
        opened = opened.resize(size, BILINEAR, box=scaled)
    return np.asarray(opened).reshape(size[1], size[0], channels)


def whole_shape(image: bytes | np.ndarray, *, shorter_side: int, as_shown: bool = False) -> tuple[int, int]:
    """Height and width of the result of `decode_whole`, computed from the image's header alone.

    Raises:
        ValueError: the bytes are no image.
    """
    frame = jpeg.read_frame(image) if isinstance(image, bytes) else None
    if frame is not None:
        sides = frame.width, frame.height
    elif isinstance(image, bytes):
        with readable(image):
            sides = _header(image, as_shown).size
    else:
        sides = image.shape[1], image.shape[0]
    width, height = _without_ends(sides, shorter_side)[1]
    turned = as_shown and isinstance(image, bytes) and read_orientation(image) in TRANSPOSED
    return (width, height) if turned else (height, width)


def _without_ends(sides: tuple[int, int], shorter_side: int) -> tuple[Box, tuple[int, int]]:
    """The box of an image that `decode_whole` keeps, and (width, height) of the result."""
    shorter = min(sides)
    across, down = (min(side, LONGEST * shorter) for side in sides)
    left, top = (sides[0] - across) / 2, (sides[1] - down) / 2
    width, height = ((2 * side * shorter_side + shorter) // (2 * shorter) for side in (across, down))
    return (left, top, left + across, top + down), (width, height)
