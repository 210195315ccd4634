"""Partial decoding against Pillow's decoding of the whole image."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from jaxcnn.data.decoding import decode as decoding
from jaxcnn.data.decoding import jpeg
from jaxcnn.data.decoding.decode import Window, decode

CAT = Image.fromarray(data.chelsea())  # 451×300


def encoded(image: Image.Image = CAT, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **{"quality": 90, **options})
    return file.getvalue()


def whole(file: bytes, mode: str = "RGB") -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)).convert(mode))


KINDS = {
    "4:4:4": encoded(subsampling=0),
    "4:2:2": encoded(subsampling=1),
    "4:2:0": encoded(subsampling=2),
    "restart markers": encoded(restart_marker_rows=1),
    "grey": encoded(CAT.convert("L")),
    "progressive": encoded(progressive=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_header_is_read(kind):
    frame = jpeg.read_frame(KINDS[kind])
    assert frame is not None and (frame.width, frame.height) == CAT.size
    assert int.from_bytes(KINDS[kind][frame.height_at :][:2]) == 300
    assert frame.unit == (16 if kind in ("4:2:0", "restart markers", "progressive") else 8)
    assert frame.cuttable == (kind != "progressive")


@pytest.mark.parametrize("rows", [1, 47.2, 160, 285, 300])
@pytest.mark.parametrize("kind", KINDS)
def test_the_rows_above_the_cut_are_those_of_the_whole_image(kind, rows):
    frame = jpeg.read_frame(KINDS[kind])
    assert frame is not None
    mode, channels = ("L", 1) if kind == "grey" else ("RGB", 3)
    top = jpeg.decode_top(KINDS[kind], frame, rows=rows, scale=1, channels=channels, quick=False)
    assert top is not None
    expected = whole(KINDS[kind], mode).reshape(300, 451, channels)
    np.testing.assert_array_equal(top[: int(rows)], expected[: int(rows)])
    if frame.cuttable:
        assert rows <= len(top) <= rows + 2 * frame.unit


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_scales_are_exact_powers_of_two(scale):
    frame = jpeg.read_frame(KINDS["4:2:0"])
    assert frame is not None
    half = Image.open(io.BytesIO(KINDS["4:2:0"]))
    half.draft("RGB", (451 // scale, 300 // scale))
    expected = np.asarray(half)
    top = jpeg.decode_top(KINDS["4:2:0"], frame, rows=100, scale=scale, channels=3, quick=False)
    assert top is not None and top.shape[1] == -(-451 // scale)
    np.testing.assert_array_equal(top[: 100 // scale], expected[: 100 // scale])


def test_the_smallest_scale_that_keeps_the_size():
    assert [jpeg.scale_for(side, 500, 50) for side in (49, 99, 100, 199, 200, 400, 5000)] == [1, 1, 2, 2, 4, 8, 8]


ODD = {
    "CMYK": encoded(CAT.convert("CMYK")),
    "truncated": KINDS["4:2:0"][:-2000],
    "no image": b"hello",
    "header alone": KINDS["4:2:0"][:100],
    "twelve bits": KINDS["4:2:0"].replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"),
    "no height": KINDS["4:2:0"].replace((300).to_bytes(2) + (451).to_bytes(2), bytes(2) + (451).to_bytes(2)),
    "arithmetic": KINDS["4:2:0"].replace(b"\xff\xc0\x00\x11", b"\xff\xc9\x00\x11"),
    "empty segment": b"\xff\xd8\xff\xe0\x00\x00" + KINDS["4:2:0"][2:],
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_files_are_left_to_pillow(kind):
    assert jpeg.read_frame(ODD[kind]) is None


def test_a_thumbnails_end_is_not_the_images():
    exif = b"Exif\x00\x00" + encoded(CAT.resize((20, 20)))
    file = encoded(exif=exif)
    assert jpeg.read_frame(file) is not None and jpeg.read_frame(file[:-2000]) is None
    with pytest.raises(ValueError, match="not a readable image"):
        decode(file[:-2000], size=32, channels=3)


def test_what_simplejpeg_refuses_goes_to_pillow(monkeypatch):
    def refuse(*arguments, **options):
        raise ValueError("unsupported")

    expected = decode(KINDS["4:4:4"], size=100, channels=3)
    monkeypatch.setattr(jpeg.simplejpeg, "decode_jpeg", refuse)
    found = decode(KINDS["4:4:4"], size=100, channels=3)
    assert np.abs(found.astype(int) - expected).max() <= 1  # two resizers


def test_a_bomb_goes_to_pillow_which_refuses_it(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60_000)
    with pytest.raises(ValueError, match="decompression bomb"):
        decode(KINDS["4:2:0"], size=32, channels=3)


def windows() -> list[Window]:
    """Somewhere in the image, of all sizes, up to its very edges."""
    generator = np.random.default_rng(0)
    found = [Window((0, 0, 451, 300)), Window((451 - 33.3, 300 - 33.3, 451, 300))]
    for _ in range(40):
        across, down = generator.uniform(20, 451), generator.uniform(20, 300)
        left, top = generator.uniform(0, 451 - across), generator.uniform(0, 300 - down)
        resampling = generator.choice([Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.BOX])
        found.append(Window((left, top, left + across, top + down), Image.Resampling(resampling)))
    return found


@pytest.mark.parametrize("kind", ["4:4:4", "4:2:0"])
def test_windows_are_pillows(kind):
    """Against Pillow: the whole image decoded, then its `resize` of the window."""
    full = Image.open(io.BytesIO(KINDS[kind]))
    for window in windows():
        size = 96  # twice that is too much for scaled decoding of all but the largest
        scale = jpeg.scale_for(window.box[2] - window.box[0], window.box[3] - window.box[1], 2 * size)
        found = decode(KINDS[kind], size=size, channels=3, choose=lambda w, h, window=window: window)
        expected = np.asarray(full.resize((size, size), window.resampling, box=window.box))
        difference = np.abs(found.astype(int) - expected)
        limit = 2 if window.resampling == Image.Resampling.BICUBIC else 1
        assert difference.max() <= limit if scale == 1 else difference.mean() < 1.5, window


def test_quick_decoding_costs_little(monkeypatch):
    """Of 255: what the cruder arithmetic and the coarser scale change, on the average over many windows."""
    scales = []
    original = jpeg.decode_top

    def spy(*arguments, **options):
        scales.append((options["scale"], options["quick"]))
        return original(*arguments, **options)

    monkeypatch.setattr(decoding.jpeg, "decode_top", spy)
    means = []
    for window in windows():
        careful, quick = (
            decode(KINDS["4:2:0"], size=64, channels=3, choose=lambda w, h, window=window: window, quick=quick)
            for quick in (False, True)
        )
        means.append(np.abs(careful.astype(int) - quick).mean())
    assert np.mean(means) < 1.5
    assert {quick for _, quick in scales} == {False, True}
    assert all(fine <= coarse for (fine, _), (coarse, _) in zip(scales[::2], scales[1::2], strict=True))
    assert {scale for scale, _ in scales} >= {1, 2, 4}
