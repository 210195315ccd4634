"""Whole images as squares, as Caffe's tools prepare them."""

import io

import numpy as np
import pytest
from PIL import Image

from jaxcnn.data.decoding.any_image import decode_any
from jaxcnn.data.decoding.decode import SQUARES, decode, whole_image


def encoded(width: int, height: int, format: str) -> bytes:
    """A smooth image, whose columns differ from its rows."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([255 * columns / width, 255 * rows / height, 128 + 0 * rows], axis=-1).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **({"quality": 95} if format == "JPEG" else {}))
    return file.getvalue()


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize(("width", "height"), [(90, 40), (40, 90), (64, 64)])
def test_a_warped_image_is_all_of_it(width, height, format):
    content = encoded(width, height, format)
    found = decode(content, size=32, channels=3, choose=SQUARES["warp"])
    wanted = Image.open(io.BytesIO(content)).convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)
    assert found.shape == (32, 32, 3)
    assert np.abs(found.astype(int) - np.asarray(wanted).astype(int)).max() <= (2 if format == "PNG" else 6)
    np.testing.assert_array_equal(found, decode_any(content, size=32, channels=3, resize="warp"))


def test_the_edges_are_only_in_the_warped_one():
    content = encoded(90, 30, "PNG")
    warped, square = (decode(content, size=30, channels=3, choose=SQUARES[how]) for how in ("warp", "shorter_side"))
    assert np.ptp(warped[15, :, 0]) > 230 and np.ptp(square[15, :, 0]) < 90
    assert whole_image(90, 30).box == (0, 0, 90, 30)


def test_a_turned_image_is_warped_upright():
    file = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 6  # a quarter to the right
    Image.open(io.BytesIO(encoded(90, 40, "PNG"))).save(file, "JPEG", quality=95, exif=exif)
    turned = decode_any(file.getvalue(), size=32, channels=3, resize="warp").astype(int)
    upright = decode_any(encoded(90, 40, "PNG"), size=32, channels=3, resize="warp").astype(int)
    assert np.abs(turned - np.rot90(upright, -1)).max() <= 12  # JPEG's losses
