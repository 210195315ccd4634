"""Reading and decoding the image files and arrays that a person names, as an image viewer shows them."""

import os

import numpy as np
from PIL import Image

from jaxcnn.data.decoding.color_modes import on_white
from jaxcnn.data.decoding.decode import SQUARES, Resize, decode
from jaxcnn.errors import UsageError

LARGEST = 2**30  # bytes of a file; Pillow limits the pixels, at 179 million
CHANNELS = (1, 3, 4)

# What an EXIF orientation asks for, as ImageOps.exif_transpose does it. 1 asks for nothing.


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
        image: an encoded image of one of the formats in `decode.SHOWN`, of an animation the first frame; or an array
            that `check_array` accepts.
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
        return decode(image, size=size, channels=channels, choose=SQUARES[resize], as_shown=True)
    except ValueError as error:
        text = str(error).partition("): ")[2] or str(error)
        raise ValueError(f"not a readable image: {text}") from error


def check_array(image: np.ndarray, name: str) -> None:
    """Raises UsageError unless an array is an image: uint8 [h, w] or [h, w, 1, 3 or 4], grey, RGB or RGBA."""
    known = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in CHANNELS)
    if image.dtype != np.uint8 or not known or 0 in image.shape:
        raise UsageError(
            f"{name} ({image.dtype} {list(image.shape)}) must be uint8 [h, w], or [h, w, channels] with 1, 3 or 4 "
            "channels, values 0–255."
        )
