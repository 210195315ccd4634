"""Which images a look is at: those that a person names, or some of the run's test set; and the data around them."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcnn.data.any_source import open_any
from jaxcnn.data.image_files import printable
from jaxcnn.data.loading.images import Images, open_images, squares
from jaxcnn.data.loading.read import read_batch
from jaxcnn.data.naming import canonical
from jaxcnn.data.relabelled import with_labels_of
from jaxcnn.data.sources import Source
from jaxcnn.errors import DataMissingError, JaxcnnError, UsageError
from jaxcnn.inspection.network.opened import OpenedNetwork

SHOWN = 4  # images of the test set
EXAMINED = 128  # images of the test set among which right and wrong ones are looked for
GALLERY_MACS = 2e11  # of the network, for all images of the data that it is applied to
SMALLEST_GALLERY, LARGEST_GALLERY = 64, 2000


@dataclasses.dataclass(frozen=True, eq=False)
class Subjects:
    """Images with what is known of them.

    Attributes:
        squares: uint8 [images, stored_size, stored_size, channels].
        names: of each image: its path, or its place in the data.
        labels: the number of the class of each, or None where that isn't known.
    """

    squares: np.ndarray
    names: tuple[str, ...]
    labels: tuple[int | None, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def titles(self) -> tuple[str, ...]:
        """What each image is called on the page: its name without folders, in text that can be encoded."""
        return tuple(printable(os.path.basename(name)) for name in self.names)

    def chosen(self, numbers: Sequence[int]) -> "Subjects":
        """Some of them."""
        picked = [int(number) for number in numbers]
        labels = tuple(self.labels[number] for number in picked)
        return Subjects(self.squares[picked], tuple(self.names[number] for number in picked), labels)


@dataclasses.dataclass(frozen=True, eq=False)
class DataAround:
    """The run's data, or what stands in for it.

    Attributes:
        name: of the data set.
        train, test: some images of each split, drawn by the seed.
        note: why it isn't the run's own data; empty if it is.
    """

    name: str
    train: Subjects
    test: Subjects
    note: str


def read_named(images: Images, network: OpenedNetwork) -> tuple[Subjects, list[dict[str, str]]]:
    """The images that a person names, and {"image", "error"} for those that can't be read.

    Raises:
      UsageError: a file or folder isn't there, or an array is no image.
      JaxcnnError: none can be read.
    """
    opened, good, names, failed = open_images(images), [], [], []
    for name, square in zip(opened.names, squares(opened, **network.trained.experiment.inputs.squares), strict=True):
        if isinstance(square, str):
            failed.append({"image": name, "error": square})
        else:
            good.append(square)
            names.append(name)
    if not good:
        first = f"{printable(failed[0]['image'])}: {failed[0]['error']}"
        raise JaxcnnError(f"none of the {len(opened):,} images can be read ({first}); name others.")
    return Subjects(np.stack(good), tuple(names), (None,) * len(good)), failed


def data_around(
    network: OpenedNetwork, saved: dict[str, Any], seed: int, *, data: str | None, data_dir: str | None
) -> DataAround:
    """Some images of both splits of a run's data, of another data set, or else of the embedded one.

    Args:
      network: its size decides how many images there are.
      saved: what the run's experiment.json says.
      seed: decides which.
      data: another data set; by default the run's.
      data_dir: where TFDS's data sets are.

    Raises:
      UsageError, DataMissingError: `data` is given, and isn't known or isn't there.
    """
    name, note = canonical(data) if data else saved["data"], ""
    try:
        splits = [open_any(name, split, data_dir=data_dir) for split in ("train", "test")]
    except (UsageError, DataMissingError):
        if data:
            raise
        missing, name = name, "digits" if network.input_shape[2] == 1 else "photos"
        note = (
            f"The run's data, {missing}, isn't here. The embedded {name} stand in for it, which this network "
            "wasn't trained on; --data=NAME names other data."
        )
        splits = [open_any(name, split) for split in ("train", "test")]
    count = int(np.clip(GALLERY_MACS / network.macs, SMALLEST_GALLERY, LARGEST_GALLERY))
    names = network.trained.class_names
    train, test = (
        _read(with_labels_of(source, names), network, seed, wanted, knows_labels=not note)
        for source, wanted in zip(splits, (count, min(count, EXAMINED)), strict=True)
    )
    return DataAround(name, train, test, note)


def _read(source: Source, network: OpenedNetwork, seed: int, count: int, *, knows_labels: bool) -> Subjects:
    """`count` records drawn by the seed; a damaged one is replaced by the next."""
    total, inputs = len(source), network.trained.experiment.inputs
    records = np.sort(np.random.default_rng(seed).permutation(total)[:count])
    batch = read_batch(
        source,
        records,
        **inputs.squares,
        substitute=lambda row, attempt: int(records[row] + 1 + attempt) % total,
    )
    outputs = len(network.trained.names)
    labels = [int(label) if knows_labels and label < outputs else None for label in batch["label"]]
    names = tuple(f"{source.name}, {source.split} image {record}" for record in records)
    return Subjects(batch["image"], names, tuple(labels))


def right_and_wrong(test: Subjects, scores: np.ndarray) -> Subjects:
    """Some images of a test set: of those with a known label half that are classified rightly, half wrongly.

    Args:
      test: the images.
      scores: what the network says, float32 [images, classes].
    """
    found = scores.argmax(axis=1)
    right = [i for i, label in enumerate(test.labels) if label is not None and found[i] == label]
    wrong = [i for i, label in enumerate(test.labels) if label is not None and found[i] != label]
    half = SHOWN // 2
    wanted = right[: max(half, SHOWN - len(wrong))] + wrong[: max(half, SHOWN - len(right))]
    return test.chosen((wanted or list(range(len(test))))[:SHOWN])
