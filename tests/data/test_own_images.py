"""`--data=DIR` and `--data=tfds:NAME`: layouts, formats, traps, and a run on them."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxcnn
from jaxcnn.data.any_source import any_data_set, open_any
from jaxcnn.data.decoding.any_image import decode_any
from jaxcnn.data.decoding.decode import decode
from jaxcnn.data.held_out import held_out
from jaxcnn.data.loading.read import read_batch
from jaxcnn.data.naming import canonical, short_name
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.errors import DataMissingError, JaxcnnError, RunStoppedError, UsageError


def fill(folder: Path, count: int, *, seed: int, ending: str = ".png", **options) -> None:
    """Images of noise, each other than the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    for number in range(count):
        pixels = draw.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}{ending}", **options)


@pytest.fixture
def flat(tmp_path) -> Path:
    for seed, name in enumerate(("cat", "dog", "새")):
        fill(tmp_path / "images" / name, 30, seed=seed)
    return tmp_path / "images"


@pytest.mark.parametrize("test_folder", ["val", "validation", "test"])
def test_a_folder_for_each_split(tmp_path, test_folder):
    for seed, name in enumerate(("b", "a")):
        fill(tmp_path / "train" / name / "deep" / "er", 4, seed=seed, ending=".JPG")
        fill(tmp_path / test_folder / name, 2, seed=10 + seed, ending=".webp")
    train, test = (open_any(str(tmp_path), split) for split in ("train", "test"))
    assert (len(train), len(test), train.class_names, train.num_classes) == (8, 4, ("a", "b"), 2)
    assert [record["label"] for record in train.__getitems__(range(8))] == [0] * 4 + [1] * 4
    assert train.note == test.note == ""


def test_without_a_split_every_tenth_image_by_its_content_is_the_test_set(flat, tmp_path):
    train, test = (open_any(str(flat), split) for split in ("train", "test"))
    assert len(train) + len(test) == 90 and 3 <= len(test) <= 25
    assert "chosen by its content" in train.note
    contents = {split: {r["image"] for r in s.__getitems__(range(len(s)))} for split, s in (("a", train), ("b", test))}
    assert not contents["a"] & contents["b"]
    for path in sorted(flat.rglob("*.png")):  # other names and another order: the same images
        path.rename(path.with_name(f"z{1000 - int(path.stem)}.png"))
    again = open_any(str(flat), "test")
    assert {record["image"] for record in again.__getitems__(range(len(again)))} == contents["b"]
    assert {record["label"] for record in test.__getitems__(range(len(test)))} == {0, 1, 2}


def test_equal_images_are_on_one_side_and_each_class_keeps_one():
    hashes = np.array([10, 10, 20, 30, 7, 40], np.uint64)
    chosen = held_out(hashes, np.array([0, 0, 0, 1, 1, 2]))
    assert chosen[0] == chosen[1] and not chosen[5]
    for label in (0, 1):
        own = chosen[np.array([0, 0, 0, 1, 1, 2]) == label]
        assert own.any() and not own.all()


def test_what_is_no_image_is_skipped_and_counted(flat):
    (flat / "cat" / "notes.txt").write_text("mine")
    (flat / "cat" / ".hidden.png").write_bytes(b"no")
    os.symlink(flat, flat / "dog" / "loop")
    os.symlink(flat / "gone", flat / "dog" / "gone.png")
    source = open_any(str(flat), "train")
    assert "skipped: 1 hidden, 1 that is no image (.txt), 1 link to nowhere, 1 link to a folder" in source.note


def test_mistakes_have_a_line_each(flat, tmp_path):
    with pytest.raises(DataMissingError, match="there is no folder"):
        open_any(str(tmp_path / "nowhere"), "train")
    (flat / "empty").mkdir()
    with pytest.raises(DataMissingError, match=r"no images of empty"):
        open_any(str(flat), "train")
    (flat / "empty").rmdir()
    fill(flat / "Cat", 1, seed=7)
    with pytest.raises(DataMissingError, match=r"'Cat' and 'cat'.*differ in case alone"):
        open_any(str(flat), "train")
    fill(tmp_path / "s" / "train" / "a", 2, seed=1)
    fill(tmp_path / "s" / "train" / "b", 2, seed=2)
    fill(tmp_path / "s" / "val" / "c", 2, seed=3)
    with pytest.raises(DataMissingError, match=r"has c, which .*train hasn't"):
        open_any(str(tmp_path / "s"), "test")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        open_any(str(tmp_path / "file") + "/", "train")


def test_a_file_that_lies_is_named(flat):
    lies = flat / "cat" / "000.png"
    lies.write_text("not an image")
    source = open_any(str(flat), "train")
    files = [source.file(place) for place in range(len(source))]
    if str(lies) not in files:
        source = open_any(str(flat), "test")
        files = [source.file(place) for place in range(len(source))]
    with pytest.raises(RunStoppedError, match=r"cat/000\.png: not a readable image.*replace or remove"):
        read_batch(source, [files.index(str(lies))], size=8, channels=3)


def shown(size: tuple[int, int], orientation: int) -> tuple[bytes, np.ndarray]:
    """A lossless image with an EXIF orientation, and its pixels as a viewer shows them."""
    import io

    from PIL import ImageOps

    pixels = np.random.default_rng(orientation).integers(0, 256, (*size, 3), dtype=np.uint8)
    image, file = Image.fromarray(pixels), io.BytesIO()
    exif = Image.Exif()
    exif[274] = orientation
    image.save(file, "PNG", exif=exif)
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(file.getvalue())))
    return file.getvalue(), np.asarray(turned)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(16, 16), (16, 24), (30, 16)])
def test_the_orientation_of_a_camera_is_followed(size, orientation):
    encoded, expected = shown(size, orientation)
    found = decode(encoded, size=16, channels=3, as_shown=True)
    np.testing.assert_array_equal(found, decode(expected, size=16, channels=3))
    np.testing.assert_array_equal(found, decode_any(encoded, size=16, channels=3))


def test_a_run_on_a_folder_and_its_evaluation(flat, tmp_path):
    experiment = jaxcnn.override(jaxcnn.load("lenet5_1998:modern"), "batch_size=16")
    summary = jaxcnn.fit(experiment, data=str(flat), workdir=tmp_path / "run", steps=2)
    assert summary["data"] == str(flat) and summary["steps"] == 2
    found = jaxcnn.evaluate(tmp_path / "run")["protocols"]["center"]
    assert {name: found[name] for name in summary["evaluation"]["center"]} == pytest.approx(
        summary["evaluation"]["center"]
    )
    assert jaxcnn.load_trained(tmp_path / "run").class_names == ("cat", "dog", "새")
    fill(flat / "cat", 40, seed=99)
    with pytest.raises(JaxcnnError, match="data"):
        jaxcnn.fit(experiment, data=str(flat), workdir=tmp_path / "run", steps=4)


def test_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pets").mkdir()
    (tmp_path / "mnist").mkdir()
    assert canonical("pets") == canonical("./pets/") == str(tmp_path / "pets")
    assert canonical("mnist") == "mnist"  # a name of ours comes first
    assert [short_name(name) for name in ("mnist", str(tmp_path / "pets"), "tfds:a/b:1.0.0")] == [
        "mnist",
        "pets",
        "a-b-1.0.0",
    ]
    with pytest.raises(UsageError, match=r"did you mean|Did you mean"):
        canonical("mnits")


def test_any_set_that_tfds_has_prepared(small_mnist, tmp_path, monkeypatch):
    from jaxcnn.data import datasets

    monkeypatch.setitem(datasets.DATA_SETS, "mnist", small_mnist.entry)
    prepare("mnist", data_dir=tmp_path, manual_dir=small_mnist.archives)
    for name in ("tfds:mnist", "tfds:mnist:3.0.1"):
        entry = any_data_set(name, tmp_path)
        train, test = (open_any(name, split, data_dir=tmp_path) for split in ("train", "test"))
        assert (entry.num_classes, len(train), len(test)) == (10, entry.train_size, entry.test_size)
        ours = open_any("mnist", "test", data_dir=tmp_path)
        assert test[3]["label"] == ours[3]["label"] and test[3]["image"] == ours[3]["image"]
    with pytest.raises(DataMissingError, match=r"there is no tfds:mnist:9\.9\.9"):
        open_any("tfds:mnist:9.9.9", "train", data_dir=tmp_path)
    with pytest.raises(UsageError, match="must have the form"):
        open_any("tfds:", "train", data_dir=tmp_path)
