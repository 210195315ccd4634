"""Imagenette and ImageNet, from small archives of the official layout made of real images."""

import io

import numpy as np
import pytest
from manual_dirs import encoded, tar
from PIL import Image
from skimage import data

from jaxcnn.data.decoding.decode import decode
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.data.sources import is_prepared, open_source, prepared_folder
from jaxcnn.errors import DataMissingError

PHOTOGRAPHS = [Image.fromarray(pixels) for pixels in (data.astronaut(), data.chelsea(), data.coffee())]
# Of the first validation images, as the development kit's ground truth has them.
VALIDATION_WNIDS = ["n01751748", "n09193705", "n02105855"]


JPEGS = [encoded(photograph) for photograph in PHOTOGRAPHS]
CMYK = encoded(PHOTOGRAPHS[0].convert("CMYK"))
PNG = encoded(PHOTOGRAPHS[1], "PNG")
GREY = encoded(PHOTOGRAPHS[2].convert("L"))


@pytest.fixture
def imagenet(tmp_path):
    classes = {
        "n01440764": {"n01440764_1.JPEG": JPEGS[0], "n01440764_2.JPEG": GREY},
        "n01739381": {"n01739381_1309.JPEG": CMYK, "n01739381_7.JPEG": JPEGS[1]},
        "n02105855": {"n02105855_2933.JPEG": PNG},
    }
    train = tar({f"{wnid}.tar": tar(files) for wnid, files in classes.items()})
    (tmp_path / "ILSVRC2012_img_train.tar").write_bytes(train)
    # Not in the order of their names, as in the official file.
    order = [1, 2, 0]
    validation = tar({f"ILSVRC2012_val_{i + 1:08d}.JPEG": JPEGS[i] for i in order})
    (tmp_path / "ILSVRC2012_img_val.tar").write_bytes(validation)
    return tmp_path


def test_imagenet_keeps_jpegs_and_repairs_the_rest(imagenet):
    tfds = pytest.importorskip("tensorflow_datasets")
    prepare("imagenet2012", data_dir=imagenet / "data", manual_dir=imagenet)
    builder = tfds.builder("imagenet2012", data_dir=imagenet / "data")
    skip = {"image": tfds.decode.SkipDecoding()}
    names = builder.info.features["label"].names
    records = {r["file_name"].decode(): r for r in builder.as_data_source("train", decoders=skip)}
    assert {name: names[record["label"]] for name, record in records.items()} == {
        name: name.split("_")[0] for name in records
    }
    assert len(records) == 5
    for name, original in (("n01440764_1", JPEGS[0]), ("n01440764_2", GREY), ("n01739381_7", JPEGS[1])):
        assert records[f"{name}.JPEG"]["image"] == original
    for name, original in (("n01739381_1309", CMYK), ("n02105855_2933", PNG)):
        repaired = Image.open(io.BytesIO(records[f"{name}.JPEG"]["image"]))
        assert (repaired.format, repaired.mode) == ("JPEG", "RGB")
        expected = np.asarray(Image.open(io.BytesIO(original)).convert("RGB")).astype(int)
        assert np.abs(np.asarray(repaired) - expected).mean() < 2


def test_imagenet_is_read_as_train_and_test(imagenet):
    prepare("imagenet2012", data_dir=imagenet / "data", manual_dir=imagenet)
    train = open_source("imagenet2012", "train", data_dir=imagenet / "data")
    test = open_source("imagenet2012", "test", data_dir=imagenet / "data")
    assert (len(train), len(test), train.num_classes) == (5, 3, 1000)
    labels = {record["image"]: test.class_names[record["label"]] for record in test.__getitems__(range(3))}
    assert labels == dict(zip(JPEGS, VALIDATION_WNIDS, strict=True))
    for record in train.__getitems__(range(5)):
        assert decode(record["image"], size=256, channels=3).shape == (256, 256, 3)


@pytest.mark.parametrize("spoil", ["no train", "cut", "inner cut", "no image", "other names"])
def test_imagenet_names_what_is_wrong(imagenet, spoil):
    train, validation = imagenet / "ILSVRC2012_img_train.tar", imagenet / "ILSVRC2012_img_val.tar"
    if spoil == "no train":
        train.unlink()
    elif spoil == "cut":
        train.write_bytes(train.read_bytes()[:50_000])
    elif spoil == "inner cut":
        train.write_bytes(tar({"n01440764.tar": tar({"n01440764_1.JPEG": JPEGS[0]})[:9000]}))
    elif spoil == "no image":
        train.write_bytes(tar({"n01440764.tar": tar({"n01440764_1.JPEG": b"hello"})}))
    else:
        validation.write_bytes(tar({"cat.JPEG": JPEGS[0]}))
    with pytest.raises(DataMissingError) as caught:
        prepare("imagenet2012", data_dir=imagenet / "data", manual_dir=imagenet)
    expected = {"no train": "ILSVRC2012_img_train.tar in ", "other names": str(validation)}.get(spoil, str(train))
    assert expected in str(caught.value) and "\n" not in str(caught.value)
    assert not is_prepared("imagenet2012", imagenet / "data")


WNIDS = ["n01440764", "n02102040"]


def imagenette_archive(path, top: str) -> None:
    files = {
        f"{top}/{split}/{wnid}/{wnid}_{split}_{number}.JPEG": jpeg
        for split in ("train", "val")
        for wnid in WNIDS
        for number, jpeg in enumerate(JPEGS if split == "train" else JPEGS[:1])
    }
    path.write_bytes(tar(files | {f"{top}/noisy_imagenette.csv": b"path,label"}, "w:gz"))


@pytest.mark.parametrize(
    ("file", "top", "config"),
    [
        ("imagenette2.tgz", "imagenette2", "full-size-v2"),
        ("imagenette2-320.tgz", "imagenette2-320", "320px-v2"),
        ("imagenette2-224-subset.tgz", "imagenette2-224", "224px-v2"),
    ],
)
def test_imagenette_goes_to_the_configuration_of_its_size(tmp_path, file, top, config):
    tfds = pytest.importorskip("tensorflow_datasets")
    imagenette_archive(tmp_path / file, top)
    folder = prepare("imagenette", data_dir=tmp_path / "data", manual_dir=tmp_path)
    assert folder == tmp_path / "data" / "imagenette" / config / "1.0.0"
    theirs = tfds.data_source(f"imagenette/{config}", split="validation", data_dir=tmp_path / "data")
    assert sorted(int(record["label"]) for record in theirs) == [0, 1]
    source = open_source("imagenette", "train", data_dir=tmp_path / "data")
    assert sorted(record["image"] for record in source.__getitems__(range(6))) == sorted(JPEGS * 2)
    assert [source.class_names[label] for label in (0, 1)] == WNIDS


def test_the_largest_images_are_preferred(tmp_path):
    for size in ("-160", "-320"):
        archives = tmp_path / f"archives{size}"
        archives.mkdir()
        imagenette_archive(archives / f"imagenette2{size}.tgz", f"imagenette2{size}")
    prepare("imagenette", data_dir=tmp_path / "small", manual_dir=tmp_path / "archives-160")
    prepare("imagenette", data_dir=tmp_path / "large", manual_dir=tmp_path / "archives-320")
    both = tmp_path / "small" / "imagenette" / "320px-v2"
    (tmp_path / "large" / "imagenette" / "320px-v2").rename(both)
    found = prepared_folder("imagenette", tmp_path / "small")
    assert found is not None and found.parent.name == "320px-v2"


def test_another_archive_under_its_name_is_refused(tmp_path):
    imagenette_archive(tmp_path / "imagenette2-320.tgz", "imagewoof2-320")
    with pytest.raises(DataMissingError, match="imagewoof2-320"):
        prepare("imagenette", data_dir=tmp_path / "data", manual_dir=tmp_path)
