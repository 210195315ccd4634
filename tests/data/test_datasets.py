import pytest

from jaxcnn.data.datasets import DATA_SETS, data_set, prepare_command
from jaxcnn.errors import UsageError


def test_the_names_are_those_of_the_command_line():
    assert set(DATA_SETS) == {
        *("digits", "photos", "mnist", "fashion_mnist", "cifar10", "cifar100", "svhn_cropped"),
        *("imagenette", "imagenet2012"),
    }


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *(("mnsit", "mnist"), ("imagenet2010", "imagenet2012"), ("cifar-10", "cifar10"), ("MNIST", "mnist")),
        *((name, "imagenet2012") for name in ("imagenet", "ImageNet", "imagenet-1k", "imagenet1k", "ilsvrc2012")),
        *((name, "imagenet2012") for name in ("ILSVRC-2012", "ILSVRC", "ImageNet 2012", "imagenet_2012")),
        *(("CIFAR10", "cifar10"), ("cifar", "cifar10"), ("CIFAR-100", "cifar100"), ("cifar_100", "cifar100")),
        *((name, "fashion_mnist") for name in ("fashion-mnist", "FashionMNIST", "fashionmnist", "fashion", "Fashion")),
        *((name, "svhn_cropped") for name in ("svhn", "SVHN", "svhn-cropped", "svhn_croped")),
        *(("imagenette2", "imagenette"), ("imagenette2-320", "imagenette"), ("Imagenete", "imagenette")),
        *(("digit", "digits"), ("Digits", "digits"), ("photo", "photos"), ("PHOTOS", "photos")),
    ],
)
def test_the_name_that_is_meant_is_suggested_and_not_taken(typed, meant):
    with pytest.raises(UsageError, match=f"Did you mean '{meant}'"):
        data_set(typed)


@pytest.mark.parametrize("typed", ["", "-", "coco", "?", "ImageFolder"])
def test_where_nothing_is_near_nothing_is_suggested(typed):
    with pytest.raises(UsageError, match=r"unknown data set .* known: digits, photos, mnist") as caught:
        data_set(typed)
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name, entry in DATA_SETS.items() if not entry.embedded])
def test_versions_splits_and_addresses_are_those_of_tfds(name):
    tfds = pytest.importorskip("tensorflow_datasets")
    entry = data_set(name)
    builder = tfds.builder_cls(name)
    assert str(builder.VERSION) == entry.version
    assert entry.downloadable == bool(any(archive.url for archive in entry.archives))
    registered = builder.url_infos
    for archive in entry.archives:
        if archive.url is not None:
            assert registered[archive.url].checksum == archive.file_sha256
        for digest in archive.other_sha256:
            assert digest in {info.checksum for info in registered.values()}
    known = {config for config in entry.configs if config in builder.builder_configs}
    assert set(entry.configs) - known <= {"224px-v2"}


def test_the_command_names_the_folder_that_only_the_user_can_fill():
    assert prepare_command("mnist") == "python launch.py prepare --data=mnist"
    assert prepare_command("imagenet2012").endswith("--data=imagenet2012 --manual-dir=DIR")
    assert prepare_command("mnist", "/d", "/m").endswith("--data-dir=/d --manual-dir=/m")
