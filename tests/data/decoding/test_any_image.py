"""Images as people have them: formats, modes, EXIF orientation, transparency; and bytes that only look like images."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from jaxcnn.data.decoding import any_image
from jaxcnn.data.decoding import orientation as orientation_data
from jaxcnn.data.decoding.any_image import check_array, decode_any, read_image
from jaxcnn.data.decoding.decode import decode
from jaxcnn.errors import UsageError

ROWS, COLUMNS = np.mgrid[0:60, 0:90]
COLOUR = np.dstack([ROWS * 4, COLUMNS * 2, (ROWS + COLUMNS) % 256]).astype(np.uint8)
GREY = (ROWS * 4).astype(np.uint8)
RGB = Image.fromarray(COLOUR)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[orientation_data.TAG] = orientation
    return exif


# Every kind without EXIF data and transparency, exactly what `decode` gives, which an evaluation uses.
OPAQUE = {
    "JPEG": encoded(RGB, "JPEG", quality=90),
    "JPEG, progressive": encoded(RGB, "JPEG", progressive=True),
    "JPEG, grey": encoded(Image.fromarray(GREY), "JPEG"),
    "JPEG, CMYK": encoded(RGB.convert("CMYK"), "JPEG"),
    "PNG": encoded(RGB, "PNG"),
    "PNG, grey": encoded(Image.fromarray(GREY), "PNG"),
    "PNG, palette": encoded(RGB.quantize(16), "PNG"),
    "PNG, one bit": encoded(Image.fromarray(GREY).convert("1"), "PNG"),
    "PNG, 16 bit": encoded(Image.fromarray(GREY.astype(np.uint16) * 257), "PNG"),
    "WebP": encoded(RGB, "WEBP", lossless=True),
    "WebP, lossy": encoded(RGB, "WEBP"),
    "BMP": encoded(RGB, "BMP"),
    "BMP, palette": encoded(RGB.quantize(16), "BMP"),
    "GIF": encoded(RGB.quantize(16), "GIF"),
    "TIFF": encoded(RGB, "TIFF"),
    "TIFF, 16 bit": encoded(Image.fromarray(GREY.astype(np.uint16) * 257), "TIFF"),
    "TIFF, CMYK": encoded(RGB.convert("CMYK"), "TIFF"),
    "PPM": encoded(RGB, "PPM"),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", OPAQUE)
def test_plain_files_give_the_pixels_of_an_evaluation(kind, channels):
    for size in (32, 60):
        found = decode_any(OPAQUE[kind], size=size, channels=channels)
        assert found.shape == (size, size, channels) and found.dtype == np.uint8
        np.testing.assert_array_equal(found, decode(OPAQUE[kind], size=size, channels=channels))


@pytest.mark.parametrize("kind", ["PNG", "WebP", "BMP", "TIFF", "PPM", "PNG, grey", "PNG, 16 bit", "TIFF, 16 bit"])
def test_lossless_files_give_the_image(kind):
    expected = np.dstack([GREY] * 3) if "grey" in kind or "16 bit" in kind else COLOUR
    np.testing.assert_array_equal(decode_any(OPAQUE[kind], size=60, channels=3), expected[:, 15:75])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_the_orientation_of_exif_data_is_followed(kind, orientation):
    """As Pillow's own exif_transpose turns the whole image."""
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    data = encoded(RGB, kind, exif=with_exif(orientation), **options)
    turned = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    expected = decode(turned, size=60, channels=3)
    found = decode_any(data, size=60, channels=3)
    if kind == "JPEG":
        assert np.abs(found.astype(int) - expected).max() <= 2  # two decoders
    else:
        np.testing.assert_array_equal(found, expected)


def test_a_damaged_orientation_is_none():
    for orientation in (0, 9, 65535):
        data = encoded(RGB, "PNG", exif=with_exif(orientation))
        np.testing.assert_array_equal(decode_any(data, size=60, channels=3), COLOUR[:, 15:75])
    broken = encoded(RGB, "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode_any(broken, size=60, channels=3), COLOUR[:, 15:75])


ALPHA = np.where(COLUMNS < 45, 0, np.where(ROWS < 30, 128, 255)).astype(np.uint8)


def over_white(colours: np.ndarray) -> np.ndarray:
    """By the formula of compositing, in floating point."""
    share = ALPHA[:, :, None] / 255
    return colours * share + 255 * (1 - share)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_lies_on_white(kind):
    image = Image.fromarray(np.dstack([COLOUR, ALPHA]))
    data = encoded(image, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    found = decode_any(data, size=60, channels=3)
    assert np.abs(found - over_white(COLOUR)[:, 15:75]).max() <= 1
    assert (found[:, :30] == 255).all()  # fully transparent
    luma = over_white(COLOUR)[:, 15:75] @ [0.299, 0.587, 0.114]
    assert np.abs(decode_any(data, size=60, channels=1)[:, :, 0] - luma).max() <= 1.5


def test_grey_with_alpha_lies_on_white():
    image = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)])
    found = decode_any(encoded(image, "PNG"), size=60, channels=1)
    assert np.abs(found - over_white(GREY[:, :, None])[:, 15:75]).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_colour_of_a_palette_is_white(kind):
    palette = RGB.quantize(16)
    number = palette.getpixel((45, 30))
    found = decode_any(encoded(palette, kind, transparency=number), size=60, channels=3)
    transparent = (np.asarray(palette) == number)[:, 15:75]
    assert transparent.any() and (found[transparent] == 255).all()
    np.testing.assert_array_equal(found[~transparent], np.asarray(palette.convert("RGB"))[:, 15:75][~transparent])


def png(depth: int, kind: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of 2×2 pixels, by the specification; Pillow can't write these."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 2, 2, depth, kind, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_a_transparent_value_of_16_bits_is_white():
    rows = b"\0" + struct.pack(">HH", 1000, 40_000) + b"\0" + struct.pack(">HH", 1001, 65_535)
    data = png(16, 0, rows, (b"tRNS", struct.pack(">H", 1000)))
    found = decode_any(data, size=2, channels=1)[:, :, 0]
    np.testing.assert_array_equal(found, [[255, 40_000 >> 8], [1001 >> 8, 255]])


def test_an_animation_is_its_first_frame():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "lime", "blue")]
    for kind in ("GIF", "PNG", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        red, green, blue = decode_any(data, size=8, channels=3).reshape(-1, 3).mean(axis=0)
        assert red > 250 and green < 5 and blue < 5, kind


def test_other_formats_are_refused():
    """Pillow would start Ghostscript for PostScript."""
    postscript = encoded(RGB, "EPS")
    for data in (postscript, encoded(RGB, "PCX"), encoded(RGB, "ICO"), b"", b"text", b"%PDF-1.4"):
        with pytest.raises(ValueError, match="not a readable image: unknown format"):
            decode_any(data, size=8, channels=3)


def test_an_image_of_too_many_pixels_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    with pytest.raises(ValueError, match="exceeds limit of 4000 pixels"):
        decode_any(OPAQUE["PNG"], size=8, channels=3)


def test_arrays():
    np.testing.assert_array_equal(decode_any(COLOUR, size=60, channels=3), COLOUR[:, 15:75])
    for grey in (GREY, GREY[:, :, None]):
        np.testing.assert_array_equal(decode_any(grey, size=60, channels=1)[:, :, 0], GREY[:, 15:75])
    transparent = np.dstack([COLOUR, ALPHA])
    found = decode_any(transparent, size=60, channels=3)
    np.testing.assert_array_equal(found, decode_any(encoded(Image.fromarray(transparent), "PNG"), size=60, channels=3))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8, 2), np.uint8),
        np.zeros((8, 8, 3, 1), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros(8, np.uint8),
    ],
)
def test_other_arrays_are_refused(image):
    with pytest.raises(UsageError, match=r"images\[3\] \((uint8|float32) \[.*must be uint8 \[h, w\]"):
        check_array(image, "images[3]")


def test_files_that_can_not_be_read(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="can't be read: No such file"):
        read_image(tmp_path / "missing.png")
    with pytest.raises(ValueError, match="can't be read: Is a directory"):
        read_image(tmp_path)
    path = tmp_path / "image.png"
    path.write_bytes(OPAQUE["PNG"])
    assert read_image(path) == OPAQUE["PNG"]
    monkeypatch.setattr(any_image, "LARGEST", 100)
    with pytest.raises(ValueError, match=r"bytes are more than the 100 that are read"):
        read_image(path)


def survives(data: bytes) -> None:
    """An array of the right kind, or a ValueError in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about EXIF data and sizes
        try:
            found = decode_any(data, size=8, channels=3)
        except ValueError as error:
            assert str(error).startswith("not a readable image"), error
        else:
            assert found.shape == (8, 8, 3) and found.dtype == np.uint8


SMALL = RGB.resize((20, 12))
SEEDS = [
    encoded(SMALL, "JPEG", exif=with_exif(6)),
    encoded(SMALL, "PNG", exif=with_exif(6)),
    encoded(SMALL.quantize(8), "PNG", transparency=1),
    encoded(SMALL.quantize(8), "GIF"),
    encoded(SMALL, "BMP"),
    encoded(SMALL, "WEBP"),
    encoded(SMALL, "TIFF"),
    encoded(SMALL, "PPM"),
]


@given(seed=st.sampled_from(SEEDS), changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8))
def test_changed_bytes_are_an_image_or_an_error(seed, changes):
    data = bytearray(seed)
    for place, value in changes:
        data[int(place * len(data))] = value
    survives(bytes(data))


@given(seed=st.sampled_from(SEEDS), share=st.floats(0, 1), more=st.binary(max_size=20))
def test_truncated_files_are_an_image_or_an_error(seed, share, more):
    survives(seed[: int(share * len(seed))] + more)


@given(start=st.sampled_from([seed[:12] for seed in SEEDS]), rest=st.binary(max_size=300))
def test_random_bytes_behind_a_signature_are_an_error_or_an_image(start, rest):
    survives(start + rest)
