"""ImageNet's readable names, beside TFDS's own list of its classes."""

import importlib.resources

import pytest

from jaxcnn.data.class_names import imagenet_names, readable_names, synsets


def of_tfds(*path: str) -> list[str]:
    return importlib.resources.files("tensorflow_datasets").joinpath(*path).read_text(encoding="utf-8").split()


def test_the_classes_are_those_of_tfds_in_its_order():
    assert list(synsets()) == of_tfds("datasets", "imagenet2012", "labels.txt") == sorted(synsets())
    assert len(set(synsets())) == 1000


def test_every_class_has_a_name_of_its_own():
    names = imagenet_names()
    assert len(set(names)) == 1000 and all(name.strip() == name != "" for name in names)


@pytest.mark.parametrize(
    ("label", "name"),
    [  # as published with the papers' networks, whose outputs are in this order
        (0, "tench, Tinca tinca"),
        (134, "crane (wading bird)"),
        (217, "English springer, English springer spaniel"),
        (281, "tabby, tabby cat"),
        (517, "crane (lifting machine)"),
        (701, "parachute, chute"),
        (999, "toilet tissue, toilet paper, bathroom tissue"),
    ],
)
def test_well_known_labels(label, name):
    assert imagenet_names()[label] == name


def test_imagenettes_classes_are_readable():
    ours = readable_names(of_tfds("image_classification", "imagenette_labels.txt"), 10)
    words = ("tench", "springer", "cassette player", "chain saw", "church", "French horn", "garbage truck", "gas pump")
    assert all(word in name for word, name in zip((*words, "golf ball", "parachute"), ours, strict=True))


def test_other_names_stay_and_outputs_without_a_name_are_numbers():
    assert readable_names(["cat", "n01440764", "n00000000"], 5) == (
        *("cat", "tench, Tinca tinca", "n00000000"),
        *("3", "4"),
    )
    assert readable_names([], 3) == ("0", "1", "2")
    assert readable_names([], 1000) == imagenet_names()
    assert readable_names(["a", "b", "c"], 2) == ("a", "b")
