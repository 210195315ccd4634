"""Converting photographs that aren't ordinary JPEGs before they are stored."""

import io

from PIL import Image

from jaxcnn.data.decoding.color_modes import to_mode
from jaxcnn.data.decoding.decode import readable
from jaxcnn.data.manual_dir import shown
from jaxcnn.errors import DataMissingError


def rgb_jpeg(encoded: bytes, where: str) -> bytes:
    """The same bytes for a grey or RGB JPEG; any other image as an RGB JPEG of quality 100.

    Only the header of an ordinary JPEG is read; damage in the rest is found when it is decoded.

    Args:
        encoded: the image.
        where: the archive and the file, for messages.

    Raises:
        DataMissingError: the bytes are no readable image.
    """
    try:
        with readable(encoded):
            opened = Image.open(io.BytesIO(encoded))  # reads the header alone
            if opened.format == "JPEG" and opened.mode in ("L", "RGB"):
                return encoded
            opened.load()
            converted = io.BytesIO()
            to_mode(opened, "RGB").save(converted, "JPEG", quality=100)
    except ValueError as error:
        raise DataMissingError(f"{where} is {shown(error)}; replace or remove it") from error
    return converted.getvalue()
