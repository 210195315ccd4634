import pytest

from jaxcnn.data.datasets import DATA_SETS, data_set, prepare_command
from jaxcnn.errors import UsageError


def test_the_names_are_those_of_the_command_line():
    assert set(DATA_SETS) == {
        *("digits", "photos", "mnist", "fashion_mnist", "cifar10", "cifar100", "svhn_cropped"),
        *("imagenette", "imagenet2012"),
    }


@pytest.mark.parametrize(
    ("typed", "meant"), [("mnsit", "mnist"), ("imagenet2010", "imagenet2012"), ("cifar-10", "cifar10")]
)
def test_a_typo_gets_the_nearest_name(typed, meant):
    with pytest.raises(UsageError, match=f"Did you mean '{meant}'"):
        data_set(typed)


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
