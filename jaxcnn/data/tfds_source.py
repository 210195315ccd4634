"""Any classification data set that TFDS has prepared on disk: `tfds:NAME[/CONFIG][:VERSION]`, without TensorFlow."""

import functools
import json
import os
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from etils import epath

from jaxcnn.data.datasets import DataSet
from jaxcnn.data.held_out import content_hash, held_out, remembered
from jaxcnn.data.naming import TfdsName, tfds_name
from jaxcnn.data.prepared import RANDOM_ACCESS_FORMAT, data_folder
from jaxcnn.data.sources import Record, Source
from jaxcnn.errors import DataMissingError, UsageError

TESTS = ("test", "validation")
LISTED = 10  # names in a message


def tfds_folder(name: str, data_dir: epath.PathLike | None = None) -> epath.Path | None:
    """The version folder of a `tfds:` name; None if it isn't there.

    Raises:
        UsageError: the name has another form, or the data set has several configurations, none is named, and TFDS
            has written down no default.
    """
    asked = tfds_name(name)
    root = data_folder(data_dir) / asked.name
    if asked.config is not None:
        return _newest(root / asked.config, asked)
    found = _newest(root, asked)
    if found is not None or not root.is_dir():
        return found
    configs = sorted(path.name for path in root.iterdir() if path.is_dir() and _newest(path, asked) is not None)
    usual = _default_config(root)
    if usual in configs:
        return _newest(root / usual, asked)
    if len(configs) > 1:
        raise UsageError(
            f"--data={name}: there are several configurations; name one, as in tfds:{asked.name}/{configs[0]}."
        )
    return _newest(root / configs[0], asked) if configs else None


def _default_config(root: epath.Path) -> str:
    """The configuration that TFDS itself takes where none is named; "" where it hasn't written one down."""
    try:
        found = json.loads((root / ".config" / "metadata.json").read_text())["default_config_name"]
    except (OSError, ValueError, KeyError, TypeError):  # not every data set has one
        return ""
    return found if isinstance(found, str) else ""


def _newest(folder: epath.Path, asked: TfdsName) -> epath.Path | None:
    """The folder of the version that is asked for, or of the newest one."""
    if not folder.is_dir():
        return None
    versions = [path for path in folder.iterdir() if path.name.replace(".", "").isdigit() and path.name.count(".") == 2]
    wanted = [path for path in versions if asked.version in (None, path.name)]
    complete = [path for path in wanted if (path / "dataset_info.json").exists()]
    return max(complete, key=lambda path: tuple(map(int, path.name.split("."))), default=None)


def tfds_data_set(name: str, data_dir: epath.PathLike | None = None) -> DataSet:
    """The metadata of a data set that TFDS has prepared.

    Raises:
        UsageError: it isn't a classification data set (features `image` and `label`), or the name is wrong.
        DataMissingError: it isn't there, can't be read, or has no random access.
    """
    folder = tfds_folder(name, data_dir)
    if folder is None:
        raise DataMissingError(
            f"there is no {name} in {data_folder(data_dir)}{_there_is(name, data_dir)}; prepare it with TFDS there "
            f"(tfds.builder(…, file_format={RANDOM_ACCESS_FORMAT!r}).download_and_prepare()), or give its --data-dir."
        )
    info = _builder(folder).info
    features = dict(info.features)
    classes = getattr(features.get("label"), "num_classes", None)
    if "image" not in features or not classes:
        have = ", ".join(features)
        raise UsageError(f"--data={name} has the features {have}; an image and a label with classes are needed.")
    _require_random_access(name, folder, info)
    sizes = {split: info.splits[split].num_examples for split in info.splits}
    if "train" not in sizes:
        raise UsageError(f"--data={name} has the splits {', '.join(sizes)}; it needs one called train.")
    test = next((split for split in TESTS if sizes.get(split) and _is_labelled(folder, split)), None)
    return DataSet(
        name,
        num_classes=int(classes),
        channels=int((features["image"].shape or (0, 0, 3))[-1] or 3),
        train_size=sizes["train"],
        test_size=sizes[test] if test else 0,
        test_split=test or "",
        tfds_name=tfds_name(name).name,
        photographs=True,
    )


def _is_labelled(folder: epath.Path, split: str) -> bool:
    """Whether a split's labels are public; those of ImageNet's test images are −1."""
    records = _builder(folder).as_data_source(split, file_format=RANDOM_ACCESS_FORMAT)
    return int(records[0]["label"]) >= 0


def _there_is(name: str, data_dir: epath.PathLike | None) -> str:
    """What there is instead, in brackets: versions and configurations of the data set, or other data sets."""
    root = data_folder(data_dir)
    own = root / tfds_name(name).name
    place = own if own.is_dir() else root
    if not place.is_dir():
        return ""
    found = sorted(path.name for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))
    return f" ({place.name} has {', '.join(found[:LISTED])}{', …' if len(found) > LISTED else ''})" if found else ""


def _builder(folder: epath.Path) -> Any:
    import tensorflow_datasets as tfds  # slow, and not needed by other data sets

    try:
        return cast(Any, tfds.builder_from_directory(os.fspath(folder)))
    except Exception as error:  # from JSON, protocol buffers, or a missing field
        raise DataMissingError(
            f"{folder}/*.json can't be read ({type(error).__name__}); prepare it again with TFDS."
        ) from error


def _require_random_access(name: str, folder: epath.Path, info: Any) -> None:
    if RANDOM_ACCESS_FORMAT not in {found.value for found in info.available_file_formats()}:
        raise DataMissingError(
            f"{name} in {folder} isn't in {RANDOM_ACCESS_FORMAT} format, and can't be read without TensorFlow; where "
            f"that is installed: tfds convert_format --dataset_version_dir={folder} "
            f"--out_file_format={RANDOM_ACCESS_FORMAT}"
        )


class HeldOutSource(Source):
    """A split of a data set that has a training split alone: about every tenth image, by its content, is the test."""

    def __init__(self, entry: DataSet, split: str, folder: epath.Path) -> None:
        super().__init__(entry, split, folder)
        self._all = Source(entry, "train", folder)

    def __reduce__(self) -> Any:
        return HeldOutSource, (self._entry, self.split, self.folder)

    @functools.cached_property
    def _places(self) -> np.ndarray:
        chosen = remembered(f"{self.name} {self._all.files_version}", self._chosen)
        return np.flatnonzero(chosen if self.split == "test" else ~chosen)

    def _chosen(self) -> np.ndarray:
        records = [self._all.__getitems__([place])[0] for place in range(len(self._all))]
        hashes = np.array([content_hash(_bytes(record["image"])) for record in records], "u8")
        return held_out(hashes, np.array([record["label"] for record in records]))

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._all.class_names

    @property
    def note(self) -> str:
        return (
            f"{self.name} has no test split: about every tenth image, chosen by its content, is a test image "
            f"({len(self):,} in the {self.split} split)"
        )

    def __len__(self) -> int:
        return len(self._places)

    def __getitems__(self, indices: Sequence[int] | np.ndarray) -> list[Record]:
        return self._all.__getitems__([int(self._places[int(index)]) for index in indices])


def _bytes(image: bytes | np.ndarray) -> bytes:
    return image if isinstance(image, bytes) else image.tobytes()
