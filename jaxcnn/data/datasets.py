"""What jaxcnn knows about each data set without opening it: its TFDS name, splits, sizes and archives."""

import dataclasses
import difflib

from jaxcnn.data import archive_index
from jaxcnn.data.archive_index import Archive
from jaxcnn.errors import UsageError
from jaxcnn.runtime import program


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set: names, splits, sizes and the archives it is made from.

    `tfds_name` is None for the sets that are embedded in installed packages. `configs` are the TFDS
    configurations that will do, best first; empty where TFDS has none. `photographs` are of any size, so that a
    compact copy can be made. `test_split` is the split the
    papers report on (ImageNet's "validation": the labels of its test pictures aren't public). `homepage` is where a
    person gets the archives that can't be downloaded by a program.
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
        """Whether the pictures come with installed packages, so that nothing has to be prepared."""
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
    """The data set of that name.

    Raises:
        UsageError: there is none; the message has the nearest name.
    """
    if name in DATA_SETS:
        return DATA_SETS[name]
    nearest = _nearest(name)
    hint = f" Did you mean {nearest!r}?" if nearest else ""
    raise UsageError(f"unknown data set {name!r}; known: {', '.join(DATA_SETS)}.{hint}")


# What else they are called, in small letters without anything else.
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
    """The data set that is probably meant: whatever the case, the hyphens and the underlines, or after a typo."""
    letters = "".join(letter for letter in str(name).lower() if letter.isalnum())
    known = {entry.replace("_", ""): entry for entry in DATA_SETS} | _OTHER_NAMES
    if letters in known:
        return known[letters]
    nearest = difflib.get_close_matches(letters, known, n=1, cutoff=0.7)
    return known[nearest[0]] if nearest else None


COMPACT = "shorter-side-"


def compact_config(side: int) -> str:
    """The TFDS configuration of a compact copy, whose pictures' shorter side has at most so many pixels."""
    return f"{COMPACT}{side}"


def compact_side(config: str) -> int | None:
    """The pixels in a compact copy's configuration; None for any other name."""
    side = config.removeprefix(COMPACT)
    return int(side) if side != config and side.isdigit() else None


def beside_config(config: str | None) -> str:
    """The TFDS configuration under which a data set is written whose own folder holds something else already."""
    return f"{config}-array_record" if config else "array_record"


def prepare_command(name: str, data_dir: object = None, manual_dir: object = None) -> str:
    """The command that prepares the data set, as a person types it."""
    command = f"{program.command()} prepare --data={name}"
    if data_dir is not None:
        command += f" --data-dir={data_dir}"
    if manual_dir is not None:
        command += f" --manual-dir={manual_dir}"
    elif not data_set(name).downloadable:
        command += " --manual-dir=DIR"
    return command
