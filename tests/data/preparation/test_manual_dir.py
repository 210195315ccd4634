"""What holds a data set's images, in whatever layout of those in use, is taken by `prepare --manual-dir`."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manual_dirs import (
    CIFAR,
    CLASS_TARS,
    CLASSES,
    IMAGENETTE,
    IMAGES,
    LEFT_BY_MACOS,
    SNAKE,
    SORTED,
    SPRINGER,
    TENCH,
    TRAIN,
    VAL,
    Files,
    below,
    fill,
    jpeg,
    tar,
)

from jaxcnn.data.manual_dir import is_leftover, shown
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.data.sources import open_source


def jpg(files: Files) -> Files:
    return {name.replace(".JPEG", ".jpg"): content for name, content in files.items()}


# (data set, what lies there, how many images of each split are found there)
TAKEN: dict[str, tuple[str, Files, tuple[int, int]]] = {
    "official": ("imagenet2012", {TRAIN: tar(CLASS_TARS), VAL: tar(IMAGES)}, (4, 3)),
    "in a folder": ("imagenet2012", {f"a/b/{TRAIN}": tar(CLASS_TARS), f"a/b/{VAL}": tar(IMAGES)}, (4, 3)),
    "tar of the tree": ("imagenet2012", {TRAIN: tar(below("x/train", CLASSES)), VAL: tar(below(".", IMAGES))}, (4, 3)),
    "tar of both": (
        "imagenet2012",
        dict.fromkeys((TRAIN, VAL), tar(below("train", CLASSES) | below("val", SORTED))),
        (4, 1),
    ),
    "gzipped": ("imagenet2012", {TRAIN + ".gz": tar(CLASS_TARS, "w:gz"), VAL: tar(IMAGES, "w:gz")}, (4, 3)),
    ".jpg": (
        "imagenet2012",
        {TRAIN: tar({f"{TENCH}.tar": tar({f"{TENCH}_1.jpg": jpeg(1)})}), VAL: tar(jpg(IMAGES))},
        (1, 3),
    ),
    "class tars": (
        "imagenet2012",
        below("ILSVRC2012_img_train", CLASS_TARS) | below("ILSVRC2012_img_val", IMAGES),
        (4, 3),
    ),
    "Kaggle": (
        "imagenet2012",
        below("ILSVRC/Data/CLS-LOC/train", CLASSES)
        | below("ILSVRC/Data/CLS-LOC/val", IMAGES)
        | below("ILSVRC/Data/CLS-LOC/test", {"ILSVRC2012_test_00000001.JPEG": jpeg(1)})
        | below(f"ILSVRC/Annotations/CLS-LOC/train/{TENCH}", {f"{TENCH}_1.xml": b"<annotation>"})
        | below("ILSVRC/Annotations/CLS-LOC/val", {"ILSVRC2012_val_00000001.xml": b"<annotation>"})
        | {"LOC_val_solution.csv": b"ImageId"},
        (4, 3),
    ),
    "validation sorted": ("imagenet2012", below("train", CLASSES) | below("val", SORTED), (4, 1)),
    "own names": (
        "imagenet2012",
        below("train", CLASSES) | {f"val/{w}/1.png": jpeg(1, "PNG") for w in (TENCH, SNAKE)},
        (4, 2),
    ),
    "macOS, tars": (
        "imagenet2012",
        {TRAIN: tar(LEFT_BY_MACOS | CLASS_TARS), VAL: tar(LEFT_BY_MACOS | IMAGES), **LEFT_BY_MACOS},
        (4, 3),
    ),
    "macOS, folders": (
        "imagenet2012",
        below("train", CLASSES, LEFT_BY_MACOS)
        | below(f"train/{TENCH}", LEFT_BY_MACOS)
        | below("val", IMAGES, LEFT_BY_MACOS),
        (4, 3),
    ),
    "imagenette": ("imagenette", {"imagenette2-320.tgz": tar(below("imagenette2-320", IMAGENETTE), "w:gz")}, (4, 4)),
    "imagenette.tar": (
        "imagenette",
        {"imagenette2-160.tar": tar(below("./a/imagenette2-160", jpg(IMAGENETTE)))},
        (4, 4),
    ),
    "imagenette, macOS": (
        "imagenette",
        {
            "imagenette2.tgz": tar(
                {"._imagenette2": b"\0\5"}
                | below("imagenette2", IMAGENETTE)
                | below(f"imagenette2/val/{TENCH}", LEFT_BY_MACOS)
            )
        },
        (4, 4),
    ),
    "imagenette folder": ("imagenette", below("imagenette2-320", IMAGENETTE), (4, 4)),
    "cifar folder": ("cifar10", below("cifar-10-batches-bin", CIFAR, LEFT_BY_MACOS), (10, 2)),
    "cifar files": ("cifar10", CIFAR, (10, 2)),
    "cifar.tar": ("cifar10", {"cifar-10-binary.tar": tar(below("cifar-10-batches-bin", CIFAR))}, (10, 2)),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_holds_the_images_is_taken(tmp_path, case):
    name, files, counts = TAKEN[case]
    prepare(name, data_dir=tmp_path / "data", manual_dir=fill(tmp_path / "manual", files))
    sources = [open_source(name, split, data_dir=tmp_path / "data") for split in ("train", "test")]
    assert tuple(map(len, sources)) == counts
    if name.startswith("imagenet"):
        found = {source.class_names[record["label"]] for source in sources for record in source.__getitems__([0])}
        assert found <= {TENCH, SPRINGER, SNAKE, "n09193705", "n02105855"}
        assert all(record["image"][:2] == b"\xff\xd8" for s in sources for record in s.__getitems__(range(len(s))))


def test_a_folder_named_from_within_is_taken(tmp_path, monkeypatch):
    fill(tmp_path / "imagenette2-160", IMAGENETTE)
    monkeypatch.chdir(tmp_path / "imagenette2-160")
    folder = prepare("imagenette", data_dir=tmp_path / "data", manual_dir=".")
    assert folder.parent.name == "160px-v2"


def test_links_to_folders_are_followed_and_circles_left(tmp_path):
    fill(tmp_path / "elsewhere", CLASSES)
    fill(tmp_path / "manual", below("val", IMAGES))
    (tmp_path / "manual" / "train").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "again").symlink_to(tmp_path / "elsewhere")
    prepare("imagenet2012", data_dir=tmp_path / "data", manual_dir=tmp_path / "manual")
    assert len(open_source("imagenet2012", "train", data_dir=tmp_path / "data")) == 4


@pytest.mark.parametrize("how", ["plain", "dotted", "folders", "torchvision", "plain under .gz"])
def test_unpacked_idx_files_are_taken(tiny, tmp_path, how):
    for path in tiny.archives.iterdir():
        name = path.name.removesuffix(".gz")
        target = {
            "plain": name,
            "dotted": name.replace("-idx", ".idx"),
            "folders": f"{name}/{name}",
            "torchvision": f"MNIST/raw/{name}",
            "plain under .gz": name + ".gz",
        }[how]
        (tmp_path / "manual" / target).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "manual" / target).write_bytes(gzip.decompress(path.read_bytes()))
    if how == "torchvision":  # which has the other set beside it, under the same names
        fill(tmp_path / "manual" / "FashionMNIST" / "raw", {n.name[:-3]: b"1" for n in tiny.archives.iterdir()})
    prepare("mnist", data_dir=tmp_path / "data", manual_dir=tmp_path / "manual")
    assert len(open_source("mnist", "train", data_dir=tmp_path / "data")) == 30


def test_leftovers_are_told_by_their_names():
    for name in ("._a", "a/._b", ".DS_Store", "__MACOSX/a/b", "a/Thumbs.db", "x/.ipynb_checkpoints/a.JPEG"):
        assert is_leftover(name)
    for name in ("a", "./a", "../a", "a/b.JPEG", "n01440764/n01440764_1.JPEG"):
        assert not is_leftover(name)


@given(st.text())
def test_what_is_shown_is_one_printable_line(text):
    assert shown(text).isprintable() and len(shown(text)) <= 100
