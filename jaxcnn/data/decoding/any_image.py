"""Decoding what people have on their disks: turned by its EXIF data, transparency on white, any of common formats.

`decode` reads images as the papers' data sets have them, and leaves out both: there it must agree with TFDS. Everything
else is its work here too, so that an image without either gives the same pixels as in an evaluation.
"""

import io
import os
from collections.abc import Callable

import numpy as np
from PIL import Image

from jaxcnn.data.decoding.color_modes import to_mode
from jaxcnn.data.decoding.decode import SQUARES, Resize, decode
from jaxcnn.errors import UsageError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM")  # Pillow's names; told by a file's content
LARGEST = 2**30  # bytes of a file; Pillow limits the pixels, at 179 million
ORIENTATION = 274  # EXIF tag
CHANNELS = (1, 3, 4)

# What an EXIF orientation asks for, as ImageOps.exif_transpose does it. 1 asks for nothing.
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: np.rot90(image),
}


def read_image(path: str | os.PathLike[str]) -> bytes:
    """The content of a file.

    Raises:
        ValueError: it can't be read, or has more than `LARGEST` bytes.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > LARGEST:
                raise ValueError(f"its {size:,} bytes are more than the {LARGEST:,} that are read")
            return file.read()
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from error


def decode_any(image: bytes | np.ndarray, *, size: int, channels: int, resize: Resize = "shorter_side") -> np.ndarray:
    """An image as a square, as `decode` gives it, turned as its EXIF data says and opaque.

    Args:
        image: an encoded image of one of `FORMATS`, of an animation the first frame; or an array that `check_array`
            accepts.
        size: the side of the result, pixels.
        channels: 1 (grey, by the luma weights of ITU-R 601) or 3 (RGB).
        resize: "shorter_side" for the central square, "warp" for the whole image.

    Returns:
        uint8 [size, size, channels], 0–255.

    Raises:
        ValueError: the bytes are no such image, or the image is damaged.
    """
    if isinstance(image, np.ndarray):
        rows = image if image.ndim == 3 else image[:, :, None]
        opaque = np.asarray(on_white(Image.fromarray(rows))) if rows.shape[2] == 4 else rows
        return decode(opaque, size=size, channels=channels, choose=SQUARES[resize])
    try:
        return _decode_file(image, size, channels, resize)
    # Pillow's decoders have no common error, and each format has its own: zlib's, struct's, KeyError, …
    except Exception as error:
        if isinstance(error, MemoryError):
            raise
        reason = "unknown format" if isinstance(error, Image.UnidentifiedImageError) else error
        text = str(error) if str(error).startswith("not a readable") else f"not a readable image: {reason}"
        raise ValueError(text) from error


def _decode_file(encoded: bytes, size: int, channels: int, resize: Resize) -> np.ndarray:
    opened = Image.open(io.BytesIO(encoded), formats=FORMATS)
    if opened.format in ("JPEG", "MPO"):  # has no transparency, and `decode` has a faster way for it
        square = decode(encoded, size=size, channels=channels, choose=SQUARES[resize])
    else:
        opened.load()  # which also turns a TIFF
        opaque = on_white(opened) if opened.has_transparency_data else opened
        mode = {1: "L", 3: "RGB"}[channels]
        pixels = np.asarray(to_mode(opaque, mode)).reshape(opened.height, opened.width, channels)
        square = decode(pixels, size=size, channels=channels, choose=SQUARES[resize])
    # The square of the turned image is the square turned.
    turn = TURNS.get(_orientation(opened))
    return square if turn is None else np.ascontiguousarray(turn(square))


def _orientation(opened: Image.Image) -> int:
    try:
        return int(opened.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF data doesn't make the image unreadable, and Pillow has many errors for it
        return 1


def on_white(image: Image.Image) -> Image.Image:
    """A transparent image as it looks on white: RGB, or grey where it has more than eight bits."""
    if image.mode.split(";")[0] == "I":  # one value is transparent, and Pillow's `convert` would lose it
        grey = np.array(to_mode(image, "L"))
        grey[np.asarray(image) == image.info["transparency"]] = 255
        return Image.fromarray(grey)
    colours = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(colours)
    return white.convert("RGB")


def check_array(image: np.ndarray, name: str) -> None:
    """Raises UsageError unless an array is an image: uint8 [h, w] or [h, w, 1, 3 or 4], grey, RGB or RGBA."""
    known = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in CHANNELS)
    if image.dtype != np.uint8 or not known or 0 in image.shape:
        raise UsageError(
            f"{name} ({image.dtype} {list(image.shape)}) must be uint8 [h, w], or [h, w, channels] with 1, 3 or 4 "
            "channels, values 0–255."
        )
