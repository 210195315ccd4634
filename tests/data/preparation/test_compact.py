"""`prepare --resize`: compact copies, read by us and by plain TFDS."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from jaxcnn.config.experiment import load
from jaxcnn.config.overrides import override
from jaxcnn.data.preparation.builders.compact import shrink
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.data.sources import open_source, prepared_folder
from jaxcnn.errors import DataMissingError, UsageError
from jaxcnn.evaluation.protocols import check_image_sizes
from jaxcnn.runs.fit import fit

CAT = Image.fromarray(data.chelsea())  # 451×300


def encoded(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **{"quality": 98, "subsampling": 0} if kind == "JPEG" else {})
    return file.getvalue()


IMAGES = {
    "wide": encoded(CAT),
    "high": encoded(CAT.transpose(Image.Transpose.ROTATE_90)),
    "grey": encoded(CAT.convert("L")),
    "small": encoded(CAT.resize((200, 128))),
}


@pytest.mark.parametrize(
    ("name", "size", "mode"),
    [("wide", (192, 128), "RGB"), ("high", (128, 192), "RGB"), ("grey", (192, 128), "L"), ("small", (200, 128), "RGB")],
)
def test_the_shorter_side_is_resized(name, size, mode):
    found = Image.open(io.BytesIO(shrink(IMAGES[name], 128)))
    assert (found.format, found.size, found.mode) == ("JPEG", size, mode)
    expected = Image.open(io.BytesIO(IMAGES[name])).resize(size, Image.Resampling.BILINEAR)
    assert np.abs(np.asarray(found).astype(int) - np.asarray(expected)).mean() < 2
    if name == "small":
        assert shrink(IMAGES[name], 128) == IMAGES[name]


def archive(folder: Path, images: dict[str, bytes]) -> Path:
    """Imagenette's archive: each image in both splits."""
    folder.mkdir(parents=True)
    with tarfile.open(folder / "imagenette2.tgz", "w:gz") as tar:
        for split in ("train", "val"):
            for name, content in images.items():
                member = tarfile.TarInfo(f"imagenette2/{split}/n01440764/{name}_{split}.JPEG")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return folder


@pytest.fixture
def archives(tmp_path) -> Path:
    return archive(tmp_path / "archives", IMAGES)


def shorter_sides(source) -> list[int]:
    return sorted(min(Image.open(io.BytesIO(record["image"])).size) for record in source.__getitems__(range(4)))


def test_a_compact_copy_of_the_archives_is_used_where_there_is_no_other(archives, tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    folder = prepare("imagenette", data_dir=tmp_path / "data", manual_dir=archives, resize=160)
    assert folder == tmp_path / "data" / "imagenette" / "shorter-side-160" / "1.0.0"
    source = open_source("imagenette", "train", data_dir=tmp_path / "data")
    assert source.shorter_side == 160 and shorter_sides(source) == [128, 160, 160, 160]
    assert source.note.endswith("is compact: encoded as JPEG again, the shorter side 160 pixels")
    theirs = tfds.data_source("imagenette/shorter-side-160", split="validation", data_dir=tmp_path / "data")
    assert sorted(min(record["image"].shape[:2]) for record in theirs) == [128, 160, 160, 160]
    full = prepare("imagenette", data_dir=tmp_path / "data", manual_dir=archives)
    assert full.parent.name == "full-size-v2"
    source = open_source("imagenette", "train", data_dir=tmp_path / "data")
    assert source.shorter_side is None and "compact" not in source.note


def test_the_full_set_is_enough_to_make_one(archives, tmp_path):
    prepare("imagenette", data_dir=tmp_path / "data", manual_dir=archives)
    (archives / "imagenette2.tgz").unlink()
    folder = prepare("imagenette", data_dir=tmp_path / "data", resize=96)
    prepare("imagenette", data_dir=tmp_path / "data", resize=64)
    assert prepare("imagenette", data_dir=tmp_path / "data", resize=96) == folder  # as it is there already
    (tmp_path / "data" / "imagenette" / "full-size-v2").rename(tmp_path / "elsewhere")
    source = open_source("imagenette", "test", data_dir=tmp_path / "data")
    assert source.shorter_side == 96 and shorter_sides(source) == [96] * 4  # the largest one
    assert source.class_names[source[0]["label"]] == "n01440764"


def test_imagenet_keeps_its_file_names(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as tar:
        member = tarfile.TarInfo("n01440764_1.JPEG")
        member.size = len(IMAGES["wide"])
        tar.addfile(member, io.BytesIO(IMAGES["wide"]))
    for name, file, content in (
        ("ILSVRC2012_img_train.tar", "n01440764.tar", inner.getvalue()),
        ("ILSVRC2012_img_val.tar", "ILSVRC2012_val_00000001.JPEG", IMAGES["high"]),
    ):
        with tarfile.open(tmp_path / name, "w") as tar:
            member = tarfile.TarInfo(file)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    prepare("imagenet2012", data_dir=tmp_path / "data", manual_dir=tmp_path)
    prepare("imagenet2012", data_dir=tmp_path / "data", resize=256)
    (record,) = tfds.data_source("imagenet2012/shorter-side-256", split="train", data_dir=tmp_path / "data")
    assert record["file_name"] == b"n01440764_1.JPEG" and record["label"] == 0
    assert record["image"].shape == (256, 385, 3)
    full = prepared_folder("imagenet2012", tmp_path / "data")
    assert full is not None and full.parent.name == "imagenet2012"
    (tmp_path / "data" / "imagenet2012" / "5.1.0").rename(tmp_path / "full")
    source = open_source("imagenet2012", "test", data_dir=tmp_path / "data")
    assert source.shorter_side == 256 and source[0]["label"] == 65  # n01751748, a sea snake


def test_a_damaged_image_is_named_and_nothing_is_left(tmp_path):
    broken = archive(tmp_path / "archives", IMAGES | {"broken": IMAGES["wide"][:5000]})
    with pytest.raises(DataMissingError, match=r"image 'broken_train\.JPEG': not a readable image"):
        prepare("imagenette", data_dir=tmp_path / "data", manual_dir=broken, resize=64)
    assert prepared_folder("imagenette", tmp_path / "data") is None


@pytest.mark.parametrize(("name", "side", "words"), [("mnist", 256, "mnist"), ("imagenette", 16, "from 32 to 1024")])
def test_what_cannot_be_resized(tmp_path, name, side, words):
    with pytest.raises(UsageError, match=words):
        prepare(name, data_dir=tmp_path, resize=side)


def test_protocols_at_larger_scales_are_refused(archives, tmp_path):
    experiment = override(load("vgg_2014:D"), "scales.dense=(256,)")
    prepare("imagenette", data_dir=tmp_path / "small", manual_dir=archives, resize=256)
    small = open_source("imagenette", "test", data_dir=tmp_path / "small")
    check_image_sizes("center", experiment, small)
    check_image_sizes("dense", experiment, small)
    with pytest.raises(UsageError, match=r"'multi_crop' needs .* 512 pixels, and this copy of imagenette has 256"):
        check_image_sizes("multi_crop", experiment, small)
    with pytest.raises(UsageError, match="512 pixels, and this copy of imagenette has 256"):
        fit(load("vgg_2014:D"), data="imagenette", data_dir=str(tmp_path / "small"), settings=["batch_size=8"])
    prepare("imagenette", data_dir=tmp_path / "full", manual_dir=archives)
    check_image_sizes("multi_crop", experiment, open_source("imagenette", "test", data_dir=tmp_path / "full"))
