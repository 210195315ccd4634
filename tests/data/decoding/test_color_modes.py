"""Every mode of Pillow's becomes 8-bit grey and RGB, scaled and not clipped."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from jaxcnn.data.decoding import color_modes
from jaxcnn.data.decoding.color_modes import to_mode
from jaxcnn.data.decoding.decode import decode, decode_whole, whole_shape
from jaxcnn.data.preparation.builders.compact import shrink
from jaxcnn.data.preparation.builders.photograph import rgb_jpeg

RAMP = np.linspace(0, 1, 64 * 64).reshape(64, 64)
GREY = np.round(RAMP * 255).astype(np.uint8)
COLOUR = np.dstack([GREY, GREY[::-1], GREY.T])
MODES = [
    *("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "LA", "PA", "RGBX", "RGBa", "La"),
    *("I;16", "I;16L", "I;16B", "I;16N"),
]


def encoded(image: Image.Image | np.ndarray, kind: str, **options) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def without_sign(tiff: bytes) -> bytes:
    """The TIFF of 32-bit integers with its SampleFormat changed from signed to unsigned, which Pillow can't write."""
    entry = (339).to_bytes(2, "little") + (3).to_bytes(2, "little") + (1).to_bytes(4, "little")
    assert tiff.count(entry + b"\2\0") == 1
    return tiff.replace(entry + b"\2\0", entry + b"\1\0")


FULL_RANGE = np.round(RAMP * (2**32 - 1)).astype(np.uint32)
TWELVE_BITS = np.round(RAMP * 4095).astype(">u2")
DEEP = {  # grey from black to white, in all the ways in which files with more than eight bits hold it
    "TIFF, 16 bit": encoded(np.round(RAMP * 65535).astype(np.uint16), "TIFF"),
    "PNG, 16 bit": encoded(np.round(RAMP * 65535).astype(np.uint16), "PNG"),
    "JPEG 2000, 16 bit": encoded(np.round(RAMP * 65535).astype(np.uint16), "JPEG2000"),
    "PGM, 16 bit": b"P5 64 64 65535\n" + np.round(RAMP * 65535).astype(">u2").tobytes(),
    "PGM, 12 bit": b"P5 64 64 4095\n" + TWELVE_BITS.tobytes(),
    "TIFF, 32 bit, as bytes": encoded(np.round(RAMP * 255).astype(np.int32), "TIFF"),
    "TIFF, 32 bit, as 16 bit": encoded(np.round(RAMP * 65535).astype(np.int32), "TIFF"),
    "TIFF, 32 bit, all of them": without_sign(encoded(FULL_RANGE.view(np.int32), "TIFF")),
    "TIFF, 32 bit, with sign": encoded(np.round((RAMP - 0.5) * 2e6).astype(np.int32), "TIFF"),
    "TIFF, float, to 1": encoded(RAMP.astype(np.float32), "TIFF"),
    "TIFF, float, to 255": encoded((RAMP * 255).astype(np.float32), "TIFF"),
    "TIFF, float, to 65535": encoded((RAMP * 65535).astype(np.float32), "TIFF"),
    "TIFF, float, below 0": encoded((RAMP * 2 - 1).astype(np.float32), "TIFF"),
    "TIFF, float, far beyond": encoded((RAMP * 1e20).astype(np.float32), "TIFF"),
    "PFM": b"Pf 64 64 -1.0\n" + np.flipud(RAMP).astype("<f4").tobytes(),
}


@pytest.mark.parametrize("kind", DEEP)
def test_more_than_eight_bits_are_scaled_and_keep_black_white_and_all_between(kind):
    for channels in (1, 3):
        for ours in (
            decode(DEEP[kind], size=64, channels=channels),
            decode_whole(DEEP[kind], shorter_side=64, channels=channels),
        ):
            assert np.abs(ours.astype(int) - GREY[:, :, None]).max() <= 1
            assert (ours.min(), ours.max()) == (0, 255)


@pytest.mark.parametrize("kind", DEEP)
def test_so_they_are_where_a_data_set_is_prepared(kind):
    stored = Image.open(io.BytesIO(rgb_jpeg(DEEP[kind], kind)))
    assert (stored.format, stored.mode) == ("JPEG", "RGB")
    assert np.abs(np.asarray(stored).astype(int) - GREY[:, :, None]).max() <= 4
    small = Image.open(io.BytesIO(shrink(DEEP[kind], 32)))
    assert (small.mode, small.size) == ("L", (32, 32))
    assert abs(np.asarray(small).mean() - 127.5) < 2


def test_twelve_bits_in_sixteen_are_twelve():
    # Pillow reads such TIFFs and doesn't write them: two pixels in three bytes.
    values = np.round(RAMP * 4095).astype(int)
    left, right = values[:, ::2], values[:, 1::2]
    packed = np.stack([left >> 4, (left & 15) << 4 | right >> 8, right & 255], -1).astype(np.uint8).tobytes()
    tags = {256: 64, 257: 64, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 64, 279: len(packed)}
    directory = len(tags).to_bytes(2, "little")
    for tag, value in tags.items():
        directory += b"".join(part.to_bytes(size, "little") for part, size in ((tag, 2), (4, 2), (1, 4), (value, 4)))
    file = b"II*\0" + (8 + len(packed)).to_bytes(4, "little") + packed + directory + bytes(4)
    assert np.abs(decode(file, size=64, channels=1)[:, :, 0].astype(int) - GREY).max() <= 1


def test_a_dark_image_with_a_known_range_stays_dark():
    dark = (RAMP * 255).astype(np.uint16)
    for file in (encoded(dark, "PNG"), encoded(dark, "TIFF"), b"P5 64 64 65535\n" + dark.astype(">u2").tobytes()):
        assert decode(file, size=64, channels=1).max() == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_isnt_finite_is_no_image(value):
    pixels = RAMP.astype(np.float32)
    pixels[3, 4] = value
    with pytest.raises(ValueError, match=r"not a readable image .*finite"):
        decode(encoded(pixels, "TIFF"), size=64, channels=3)


def lab(image: np.ndarray) -> Image.Image:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    found = ImageCms.applyTransform(
        Image.fromarray(image), ImageCms.buildTransform(*profiles, inMode="RGB", outMode="LAB")
    )
    assert found is not None
    return found


def with_alpha(image: np.ndarray) -> Image.Image:
    found = Image.fromarray(image)
    found.putalpha(Image.fromarray(GREY[::-1].copy()))
    return found


PALETTE = Image.fromarray(COLOUR).quantize(256)
USUAL = {  # name: the file, whether it has colours, and how far its values may be
    "RGB, 16 bit": (b"P6 64 64 65535\n" + (COLOUR.astype(">u2") * 257).tobytes(), True, 1),
    "palette": (encoded(PALETTE, "PNG"), True, 40),
    "palette, one transparent": (encoded(PALETTE, "PNG", transparency=3), True, 40),
    "palette, transparent": (encoded(PALETTE, "PNG", transparency=bytes(range(256))), True, 40),
    "RGBA": (encoded(with_alpha(COLOUR), "PNG"), True, 0),
    "LA": (encoded(with_alpha(GREY), "PNG"), False, 0),
    "CMYK": (encoded(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"), True, 1),
    "LAB": (encoded(lab(COLOUR), "TIFF"), True, 40),
    "grey": (encoded(GREY, "PNG"), False, 0),
    "one bit": (encoded(Image.fromarray(GREY > 127), "PNG"), False, 128),
}


@pytest.mark.parametrize("kind", USUAL)
def test_the_usual_kinds_keep_their_colours(kind):
    file, colours, most = USUAL[kind]
    expected = (COLOUR if colours else np.dstack([GREY] * 3)).astype(int)
    ours = decode(file, size=64, channels=3).astype(int)
    assert np.abs(ours - expected).max() <= most
    assert np.abs(ours - expected).mean() <= most / 2
    luma = expected @ [0.299, 0.587, 0.114]
    assert np.abs(decode(file, size=64, channels=1)[:, :, 0] - luma).max() <= most + 1


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_pillows_has_a_way(mode):
    image = Image.new(mode, (3, 2))
    for wanted in ("L", "RGB"):
        assert to_mode(image, wanted).mode == wanted
    assert f" {mode.split(';')[0]}" in str(color_modes.__doc__)  # the table has it


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_in_exif_is_ignored(kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90 degrees to the right"
    plain, turned = encoded(COLOUR[:, :48], kind), encoded(COLOUR[:, :48], kind, exif=exif)
    assert Image.open(io.BytesIO(turned)).getexif()[0x0112] == 6
    for size in (48, 20):
        expected = decode(plain, size=size, channels=3)
        np.testing.assert_array_equal(decode(turned, size=size, channels=3), expected, strict=True)
    assert decode_whole(turned, shorter_side=48, channels=3).shape == (64, 48, 3)
    assert whole_shape(turned, shorter_side=48) == (64, 48)


def test_a_tiffs_own_orientation_is_how_it_is_stored():
    file = encoded(GREY[:, :48], "TIFF", tiffinfo={274: 6})
    expected = np.rot90(GREY[:, :48], -1)
    np.testing.assert_array_equal(decode_whole(file, shorter_side=48, channels=1)[:, :, 0], expected)
    assert whole_shape(file, shorter_side=48) == (48, 64)
