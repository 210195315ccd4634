import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from jaxcnn.data.datasets import data_set
from jaxcnn.data.embedded import PHOTO_NAMES, Digits, Photos
from jaxcnn.data.sources import open_source


@pytest.mark.parametrize("name", ["digits", "photos"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_sizes_and_labels_are_those_that_the_table_of_data_sets_says(name, split):
    source, entry = open_source(name, split), data_set(name)
    assert len(source) == (entry.train_size if split == "train" else entry.test_size)
    assert len(source.class_names) == source.num_classes == entry.num_classes
    labels = np.array([source[index]["label"] for index in range(len(source))])
    counts = np.bincount(labels, minlength=entry.num_classes)
    assert counts.min() >= 0.9 * counts.max()
    image = source[0]["image"]
    assert isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.shape[2] == entry.channels


def test_the_digits_are_scikit_learns_each_in_one_split():
    images, _ = load_digits(return_X_y=True)
    expected = sorted(np.round(values * 255 / 16).astype(np.uint8).tobytes() for values in images)
    ours = [
        Digits(split)[index]["image"].tobytes() for split in ("train", "test") for index in range(len(Digits(split)))
    ]
    assert sorted(ours) == expected


def test_the_digits_can_be_learnt():
    arrays = {}
    for split in ("train", "test"):
        records = [Digits(split)[index] for index in range(len(Digits(split)))]
        arrays[split] = (
            np.stack([record["image"].ravel() / 255 for record in records]),
            [r["label"] for r in records],
        )
    classifier = LogisticRegression(C=1.0, max_iter=2000).fit(*arrays["train"])
    assert classifier.score(*arrays["test"]) > 0.85


def test_training_and_test_patches_share_no_pixel():
    covered = {}
    for split in ("train", "test"):
        photos = Photos(split)
        for index in range(len(photos)):
            top, left, side, label = photos.box(index)
            height, width, _ = photos._photographs[label].shape
            assert top >= 0 and top + side <= height and left >= 0 and left + side <= width
            mask = covered.setdefault(split, {}).setdefault(label, np.zeros((height, width), bool))
            mask[top : top + side, left : left + side] = True
    for label in range(10):
        assert not (covered["train"][label] & covered["test"][label]).any()
        # The patches cover at least half of the image, not one corner of it.
        assert (covered["train"][label] | covered["test"][label]).mean() > 0.5


def test_a_patch_is_what_its_box_says_and_the_same_every_time():
    photos, again = Photos("train"), Photos("train")
    for index in (0, 7, 1999):
        top, left, side, label = photos.box(index)
        record = photos[index]
        assert record["label"] == label == index % 10
        assert record["image"].shape == (side, side, 3) and 96 <= side <= 128
        np.testing.assert_array_equal(record["image"], again[index]["image"])
        np.testing.assert_array_equal(record["image"], photos._photographs[label][top : top + side, left : left + side])


def test_the_ten_photographs_are_ten():
    photographs = Photos("train")._photographs
    assert len(photographs) == len(set(PHOTO_NAMES)) == 10
    assert len({photograph.tobytes() for photograph in photographs}) == 10
