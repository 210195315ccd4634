"""Own images as a source: the held-out test set, formats, files that lie or vanish, and random damage."""

import os
import pickle
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own_images import both, class_folders, encoded, put
from PIL import Image

from jaxcnn.augmentation.random_crops import ScaleJitter
from jaxcnn.data.any_source import any_data_set, open_any
from jaxcnn.data.decoding.any_image import decode_any
from jaxcnn.data.held_out import content_hash, held_out
from jaxcnn.data.loading.read import Damaged, neighbours, read_batch
from jaxcnn.data.loading.whole_images import whole_batches
from jaxcnn.errors import DataMissingError, RunStoppedError


def contents(source) -> set[bytes]:
    return {record["image"] for record in source.__getitems__(range(len(source)))}


def test_the_splits_of_a_folder_are_read_in_place(tmp_path):
    class_folders(tmp_path / "train", ("a", "b"), 3)
    class_folders(tmp_path / "val", ("a", "b"), 2, first=50)
    train, test = both(tmp_path)
    assert (len(train), len(test), train.num_classes, train.class_names) == (6, 4, 2, ("a", "b"))
    assert train[4] == {"image": (tmp_path / "train/b/001.png").read_bytes(), "label": 1}
    assert test.file(0) == f"{tmp_path}/val/a/000.png" and test.note == ""
    copy = pickle.loads(pickle.dumps(train))
    assert copy[4] == train[4] and copy.fingerprint == train.fingerprint
    assert any_data_set(str(tmp_path)).num_classes == 2
    assert train.stored_bytes == sum(len(record["image"]) for part in (train, test) for record in part)
    with pytest.raises(DataMissingError, match="has no train images"):
        open_any(str(shutil.copytree(tmp_path / "val", tmp_path / "alone/test").parent), "train")


def test_the_held_out_images_depend_on_content_alone(tmp_path):
    class_folders(tmp_path / "one", ("a", "b"), 60)
    train, test = both(tmp_path / "one")
    assert len(train) + len(test) == 120 and 4 <= len(test) <= 24
    chosen = {content for content in contents(train) | contents(test) if content_hash(content) % 10 == 0}
    assert contents(test) == chosen and not contents(train) & chosen
    assert "about every tenth image, chosen by its content, is a test image" in test.note
    assert test.note.endswith(f"{len(train)} for training and {len(test)} for the test")
    for name in ("a", "b"):
        for number in range(60):
            os.makedirs(tmp_path / "two" / name, exist_ok=True)
            shutil.copy(tmp_path / "one" / name / f"{number:03}.png", tmp_path / "two" / name / f"{59 - number}x.png")
    assert contents(open_any(str(tmp_path / "two"), "test")) == contents(test)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), min_size=1, max_size=60))
def test_each_class_with_two_images_is_on_both_sides(pairs):
    hashes, labels = (np.array(column) for column in zip(*pairs, strict=True))
    tests = held_out(hashes.astype(np.uint64), labels)
    for label in set(labels.tolist()):
        own, own_tests = hashes[labels == label], tests[labels == label]
        assert (~own_tests).any()
        assert own_tests.any() == (len(set(own.tolist())) > 1)
        assert not set(own[own_tests]) & set(own[~own_tests])  # equal files are on one side


def test_too_few_images_for_a_test_set_are_refused(tmp_path):
    class_folders(tmp_path, ("a", "b"), 1)
    with pytest.raises(DataMissingError, match="has no test images; put them into"):
        both(tmp_path)


def test_a_changed_folder_has_another_fingerprint(tmp_path):
    """Whatever changed: of 300 images, the sample of `data.fingerprint` reads fewer than half."""
    folder = class_folders(tmp_path / "train", ("a", "b"), 150)
    put(tmp_path / "val", "a/1.png", "b/1.png", first=5000)

    def fingerprint() -> str:
        return open_any(str(tmp_path), "train").fingerprint

    before = fingerprint()
    os.utime(folder / "a/001.png")
    assert fingerprint() == before
    (folder / "a/001.png").write_bytes((folder / "a/001.png").read_bytes() + b"0")
    longer = fingerprint()
    (folder / "a/149.png").rename(folder / "b/000-.png")
    assert len({before, longer, fingerprint()}) == 3


FORMATS = {
    "jpg": ("JPEG", {}), "JPEG": ("JPEG", {"quality": 90}), "PNG": ("PNG", {}), "webp": ("WEBP", {"lossless": True}),
    "bmp": ("BMP", {}), "gif": ("GIF", {}), "TIF": ("TIFF", {}),
}  # fmt: skip


@pytest.mark.parametrize("channels", [1, 3])
def test_evaluation_and_prediction_see_the_same_pixels(tmp_path, channels):
    put(tmp_path, "train/a/1.png", "train/b/1.png")
    exif = Image.Exif()
    exif[274] = 6
    for number, (ending, (kind, options)) in enumerate(FORMATS.items()):
        path = tmp_path / "val" / "ab"[number % 2] / f"{number}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(number, kind, **options, **({"exif": exif} if kind in ("JPEG", "PNG") else {})))
    Image.new("RGBA", (20, 30), (255, 0, 0, 128)).save(tmp_path / "val/a/alpha.png")
    Image.fromarray(np.full((20, 30), 40_000, np.uint16)).save(tmp_path / "val/a/deep.png")
    Image.new("CMYK", (20, 30), (0, 255, 0, 0)).save(tmp_path / "val/b/cmyk.jpg")
    test = open_any(str(tmp_path), "test")
    batch = read_batch(test, range(len(test)), size=8, channels=channels)
    assert len(test) == len(FORMATS) + 3
    for row, record in enumerate(test.__getitems__(range(len(test)))):
        np.testing.assert_array_equal(batch["image"][row], decode_any(record["image"], size=8, channels=channels))
    by_name = {os.path.basename(str(test.file(row))): batch["image"][row] for row in range(len(test))}
    assert by_name["alpha.png"][4, 4, -1] == (127 if channels == 3 else 165)  # on white
    assert (by_name["deep.png"] == 40_000 >> 8).all()


def test_a_whole_image_is_turned(tmp_path):
    put(tmp_path, "test/a/1.png")
    exif = Image.Exif()
    exif[274] = 8
    (tmp_path / "test/a/2.png").write_bytes(encoded(2, "PNG", exif=exif))
    (tmp_path / "test/a/3.jpg").write_bytes(encoded(3, "JPEG", exif=exif))
    test = open_any(str(tmp_path), "test")
    extents = {}
    for batch in whole_batches(test, scale=12, channels=3, rows=lambda height, width: 2):
        extents |= {int(index): tuple(extent) for index, extent in zip(batch["index"], batch["extent"], strict=True)}
    assert extents[0] == (12, 16) and extents[1] == extents[2] == (16, 12)


def test_random_windows_of_a_turned_image_are_those_of_the_shown_one(tmp_path):
    """The same image, once stored upright and once on its side."""
    exif = Image.Exif()
    exif[274] = 6
    upright = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 64, 3), np.uint8))
    for name in "ab":
        (tmp_path / "train" / name).mkdir(parents=True)
    upright.save(tmp_path / "train/a/1.png")
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "train/b/1.png", exif=exif)
    train, _ = both(with_test(tmp_path))
    draws = np.tile(np.random.default_rng(1).random((1, ScaleJitter.draws)), (2, 1))
    crop = ScaleJitter(shortest=20, longest=30)
    images = read_batch(train, [0, 1], size=16, channels=3, crop=crop, draws=draws)["image"]
    assert np.abs(images[0].astype(int) - images[1]).max() <= 1  # the resizer's passes come in another order


def with_test(folder):
    put(folder, "val/a/1.png", "val/b/1.png")
    return folder


def lying_folder(folder):
    """Twenty sound images, four that aren't images or can't be read, and a link to nowhere."""
    class_folders(folder / "train", ("a", "b"), 10)
    (folder / "train/a/000-text.jpg").write_text("not a JPEG")
    (folder / "train/a/000-empty.png").write_bytes(b"")
    (folder / "train/a/000-cut.png").write_bytes(encoded(1)[:100])
    (folder / "train/b/lost.jpg").symlink_to(folder / "gone.jpg")
    (folder / "train/b/vanishes.png").write_bytes(encoded(7))
    return with_test(folder)


def test_files_that_lie_or_vanish_are_damaged_images(tmp_path):
    train, _ = both(lying_folder(tmp_path))
    (tmp_path / "train/b/vanishes.png").unlink()
    damaged: list[Damaged] = []
    everything = range(len(train))
    read_batch(train, everything, size=8, channels=3, substitute=neighbours(everything, 24), on_damage=damaged.append)
    reasons = {os.path.basename(str(train.file(each.record))): each.reason for each in damaged}
    assert set(reasons) == {"000-text.jpg", "000-empty.png", "000-cut.png", "vanishes.png"}
    assert "0 bytes" in reasons["vanishes.png"]
    with pytest.raises(RunStoppedError) as caught:
        read_batch(train, everything, size=8, channels=3)
    assert str(caught.value).startswith(f"{tmp_path}/train/a/000-cut.png: not a readable image")
    assert "; replace or remove the damaged files" in str(caught.value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_random_and_mutated_files_end_in_a_line(tmp_path, data):
    kind = data.draw(st.sampled_from(["noise", "cut", "changed"]))
    whole = encoded(3, *data.draw(st.sampled_from([("PNG",), ("JPEG",), ("GIF",), ("WEBP",), ("BMP",), ("TIFF",)])))
    if kind == "noise":
        content = data.draw(st.binary(max_size=300))
    elif kind == "cut":
        content = whole[: data.draw(st.integers(0, len(whole)))]
    else:
        places = data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=8))
        changed = bytearray(whole)
        for place in places:
            changed[place] = data.draw(st.integers(0, 255))
        content = bytes(changed)
    for name in ("a", "b"):
        (tmp_path / "test" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "test" / name / "1.png").write_bytes(content)
    test = open_any(str(tmp_path), "test")
    try:
        assert read_batch(test, [0, 1], size=8, channels=3)["image"].shape == (2, 8, 8, 3)
    except RunStoppedError as error:
        assert str(error).startswith(f"{tmp_path}/test/a/1.png: not a readable image")
        assert "\n" not in str(error)
