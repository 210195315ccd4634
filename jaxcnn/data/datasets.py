"""Metadata of every data set, known without opening it: TFDS name, splits, sizes and archives."""

import dataclasses
import difflib

from jaxcnn.data import archive_index
from jaxcnn.data.archive_index import Archive
from jaxcnn.errors import UsageError
from jaxcnn.runtime import program


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Metadata of one data set.

    Attributes:
        name: the name that `--data` takes.
        num_classes, channels: number of classes; 1 (grey) or 3 (RGB) channels.
        train_size, test_size: number of images in each split of the full data set.
        train_split, test_split: TFDS names of the splits. The test split is the one that the papers report on; for
            ImageNet that is "validation", because the labels of its test images aren't public.
        tfds_name: name in TFDS; None for data sets that are embedded in installed packages.
        version: the TFDS version that `prepare` writes.
        archives: the original files.
        downloadable: whether a program can download the archives.
        configs: the accepted TFDS configurations, best first; empty if TFDS has none.
        photographs: whether images have different sizes, so that a compact copy makes sense.
        homepage: where a person gets archives that a program can't download.
    """

    name: str
    num_classes: int
    channels: int
    train_size: int
    test_size: int
    train_split: str = "train"
    test_split: str = "test"
    tfds_name: str | None = None
    version: str = ""
    archives: tuple[Archive, ...] = ()
    downloadable: bool = False
    configs: tuple[str, ...] = ()
    photographs: bool = False
    homepage: str = ""

    @property
    def embedded(self) -> bool:
        """Whether the images come with installed packages and need no preparation."""
        return self.tfds_name is None


_ALL = (
    DataSet("digits", num_classes=10, channels=1, train_size=1_438, test_size=359),
    DataSet("photos", num_classes=10, channels=3, train_size=2_000, test_size=500),
    DataSet(
        "mnist",
        num_classes=10,
        channels=1,
        train_size=60_000,
        test_size=10_000,
        tfds_name="mnist",
        version="3.0.1",
        archives=archive_index.MNIST,
        downloadable=True,
    ),
    DataSet(
        "fashion_mnist",
        num_classes=10,
        channels=1,
        train_size=60_000,
        test_size=10_000,
        tfds_name="fashion_mnist",
        version="3.0.1",
        archives=archive_index.FASHION_MNIST,
        downloadable=True,
    ),
    DataSet(
        "cifar10",
        num_classes=10,
        channels=3,
        train_size=50_000,
        test_size=10_000,
        tfds_name="cifar10",
        version="3.0.2",
        archives=archive_index.CIFAR10,
        downloadable=True,
    ),
    DataSet(
        "cifar100",
        num_classes=100,
        channels=3,
        train_size=50_000,
        test_size=10_000,
        tfds_name="cifar100",
        version="3.0.2",
        archives=archive_index.CIFAR100,
        downloadable=True,
    ),
    DataSet(
        "svhn_cropped",
        num_classes=10,
        channels=3,
        train_size=73_257,
        test_size=26_032,
        tfds_name="svhn_cropped",
        version="3.1.0",
        archives=archive_index.SVHN,
        downloadable=True,
    ),
    DataSet(
        "imagenette",
        num_classes=10,
        channels=3,
        train_size=9_469,
        test_size=3_925,
        test_split="validation",
        tfds_name="imagenette",
        version="1.0.0",
        configs=("full-size-v2", "320px-v2", "224px-v2", "160px-v2"),
        archives=archive_index.IMAGENETTE,
        downloadable=True,
        photographs=True,
    ),
    DataSet(
        "imagenet2012",
        num_classes=1000,
        channels=3,
        train_size=1_281_167,
        test_size=50_000,
        test_split="validation",
        tfds_name="imagenet2012",
        version="5.1.0",
        archives=archive_index.IMAGENET,
        photographs=True,
        homepage="https://image-net.org",
    ),
)

DATA_SETS: dict[str, DataSet] = {entry.name: entry for entry in _ALL}


def data_set(name: str) -> DataSet:
    """Looks up a data set by its exact name.

    Raises:
        UsageError: no data set has this name; the message suggests the nearest one.
    """
    if name in DATA_SETS:
        return DATA_SETS[name]
    nearest = _nearest(name)
    hint = f" Did you mean {nearest!r}?" if nearest else ""
    raise UsageError(f"unknown data set {name!r}; known: {', '.join(DATA_SETS)}.{hint}")


# Other names of data sets, in lower case and without punctuation.
_OTHER_NAMES = {
    **dict.fromkeys(
        ("imagenet", "imagenet1k", "ilsvrc", "ilsvrc12", "ilsvrc2012", "imagenetilsvrc2012"), "imagenet2012"
    ),
    **dict.fromkeys(("svhn", "streetviewhousenumbers", "housenumbers"), "svhn_cropped"),
    **dict.fromkeys(("fashion", "fmnist", "zalando"), "fashion_mnist"),
    "cifar": "cifar10",
    "imagenette2": "imagenette",
    "photographs": "photos",
}


def _nearest(name: str) -> str | None:
    """The data set that is probably meant, ignoring case, hyphens, underscores and small typing errors."""
    letters = "".join(letter for letter in str(name).lower() if letter.isalnum())
    known = {entry.replace("_", ""): entry for entry in DATA_SETS} | _OTHER_NAMES
    if letters in known:
        return known[letters]
    nearest = difflib.get_close_matches(letters, known, n=1, cutoff=0.7)
    return known[nearest[0]] if nearest else None


COMPACT = "shorter-side-"


def compact_config(side: int) -> str:
    """The TFDS configuration of a compact copy in which the shorter side of an image has at most `side` pixels."""
    return f"{COMPACT}{side}"


def compact_side(config: str) -> int | None:
    """The number of pixels in the name of a compact copy's configuration; None for any other name."""
    side = config.removeprefix(COMPACT)
    return int(side) if side != config and side.isdigit() else None


def beside_config(config: str | None) -> str:
    """The TFDS configuration to write to if the folder of `config` already holds a copy in another format."""
    return f"{config}-array_record" if config else "array_record"


def prepare_command(name: str, data_dir: object = None, manual_dir: object = None) -> str:
    """The shell command that prepares the data set."""
    command = f"{program.command()} prepare --data={name}"
    if data_dir is not None:
        command += f" --data-dir={data_dir}"
    if manual_dir is not None:
        command += f" --manual-dir={manual_dir}"
    elif not data_set(name).downloadable:
        command += " --manual-dir=DIR"
    return command
