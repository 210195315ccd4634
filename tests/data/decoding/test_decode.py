import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from jaxcnn.data.decoding.decode import decode

CAT = np.asarray(data.chelsea())  # 300×451


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def box_filtered(image: np.ndarray, size: int) -> np.ndarray:
    """Second source: centre square, then the mean of each block (for sides that divide)."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = image[top : top + side, left : left + side].astype(np.float64)
    factor = side // size
    return square.reshape(size, factor, size, factor, 3).mean(axis=(1, 3))


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_of_the_wanted_shape_comes_back_bit_equal(channels):
    image = np.random.default_rng(0).integers(0, 256, (28, 28, channels), np.uint8)
    file = encoded(Image.fromarray(image[:, :, 0] if channels == 1 else image), "PNG")
    np.testing.assert_array_equal(decode(file, size=28, channels=channels), image)
    np.testing.assert_array_equal(decode(image, size=28, channels=channels), image)


@pytest.mark.parametrize("size", [100, 50])
def test_the_shorter_side_becomes_the_size_and_the_centre_is_cut_out(size):
    ours = decode(encoded(Image.fromarray(CAT[:, :450]), "PNG"), size=size, channels=3)
    # The triangle filter is wider than a block: equal in the smooth parts, on average within 3 of 255.
    assert np.abs(ours - box_filtered(CAT[:, :450], size)).mean() < 3
    across = decode(CAT[:, :450].transpose(1, 0, 2), size=size, channels=3)
    # Pillow rounds between its two passes: by one at most.
    assert np.abs(across.astype(int) - ours.transpose(1, 0, 2)).max() <= 1


@pytest.mark.parametrize("size", [30, 64, 150, 256, 400])
def test_scaled_jpeg_decoding_changes_next_to_nothing(size):
    file = encoded(Image.fromarray(CAT), "JPEG", quality=95)
    full = np.asarray(Image.open(io.BytesIO(file)))
    difference = decode(file, size=size, channels=3).astype(int) - decode(full, size=size, channels=3)
    assert np.abs(difference).mean() < 1.5


def test_grey_and_colour_become_each_other():
    grey = decode(CAT, size=64, channels=1)
    colour = decode(CAT, size=64, channels=3)
    luma = colour.astype(np.float64) @ [0.299, 0.587, 0.114]
    assert np.abs(grey[:, :, 0] - luma).max() < 2
    back = decode(grey, size=64, channels=3)
    np.testing.assert_array_equal(back, np.repeat(grey, 3, axis=2))


@pytest.mark.parametrize("mode", ["CMYK", "P", "RGBA", "LA", "L", "1", "I;16"])
def test_other_kinds_of_images_keep_their_brightness(mode):
    image = Image.fromarray(CAT)
    if mode == "I;16":
        sixteen = np.asarray(image.convert("L")).astype(np.uint16) * 257
        file = encoded(Image.fromarray(sixteen), "PNG")
    else:
        file = encoded(image.convert(mode), "JPEG" if mode == "CMYK" else "PNG")
    ours = decode(file, size=100, channels=3)
    assert ours.shape == (100, 100, 3) and ours.dtype == np.uint8
    colour = mode in ("CMYK", "P", "RGBA")
    expected = decode(CAT if colour else decode(CAT, size=300, channels=1), size=100, channels=3)
    assert np.abs(ours.astype(int) - expected).mean() < (12 if mode in ("1", "P") else 3)


@pytest.mark.parametrize("spoil", [lambda b: b"", lambda b: b"hello", lambda b: b[: len(b) // 2], lambda b: b[:30]])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_damaged_bytes_are_a_value_error(spoil, kind):
    with pytest.raises(ValueError, match="not a readable image"):
        decode(spoil(encoded(Image.fromarray(CAT), kind)), size=64, channels=3)


def test_a_damaged_png_chunk_is_a_value_error():
    file = bytearray(encoded(Image.fromarray(CAT), "PNG"))
    file[60:2000] = bytes(1940)
    with pytest.raises(ValueError, match="not a readable image"):
        decode(bytes(file), size=64, channels=3)
