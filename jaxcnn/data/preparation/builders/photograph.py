"""What is done to a photograph's bytes before they are stored: nothing, if they are an ordinary JPEG."""

import io

from PIL import Image

from jaxcnn.data.decoding.color_modes import to_mode
from jaxcnn.data.decoding.decode import readable
from jaxcnn.data.manual_dir import shown
from jaxcnn.errors import DataMissingError


def rgb_jpeg(encoded: bytes, where: str) -> bytes:
    """The same bytes if they are a grey or RGB JPEG, else the picture as an RGB JPEG of quality 100.

    An ordinary JPEG's header alone is looked at: whether the rest is whole shows when it is decoded.

    Raises:
        DataMissingError: they are no picture; the message has `where`.
    """
    try:
        with readable(encoded):
            picture = Image.open(io.BytesIO(encoded))  # reads the header alone
            if picture.format == "JPEG" and picture.mode in ("L", "RGB"):
                return encoded
            picture.load()
            converted = io.BytesIO()
            to_mode(picture, "RGB").save(converted, "JPEG", quality=100)
    except ValueError as error:
        raise DataMissingError(f"{where} is {shown(error)}; replace or remove it") from error
    return converted.getvalue()
