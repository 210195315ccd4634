"""Writing records as a TFDS data set (array_record) without TensorFlow.

A subclass of TFDS's own builder keeps its name, version, features and metadata, so that `tfds.data_source(name)` reads
the result. Only the generators are ours; they yield encoded images, which TFDS stores unchanged. The keys are those of
TFDS, which determine the order of the records.
"""

import contextlib
import dataclasses
import io
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from jaxcnn.data.datasets import DataSet, beside_config, compact_side
from jaxcnn.data.manual_dir import shown
from jaxcnn.data.progress import Progress
from jaxcnn.errors import DataMissingError
from jaxcnn.runtime import signals

Records = Iterator[tuple[int | str, dict]]


@dataclasses.dataclass(frozen=True)
class Content:
    """The content of a data set, as a builder found it in the archives.

    Attributes:
        splits: maps each TFDS split to a function that yields (key, record) pairs with encoded images.
        label_names: maps each label feature to the names of its values, if they come from the archive.
        config: the TFDS configuration, for data sets that have several.
        sizes: the number of records in each split, if known beforehand.
        origins: the archive or folder of each split, for messages.
    """

    splits: Mapping[str, Callable[[], Records]]
    label_names: Mapping[str, list[str]] = dataclasses.field(default_factory=dict)
    config: str | None = None
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    origins: Mapping[str, Path] = dataclasses.field(default_factory=dict)


def png(image: np.ndarray) -> bytes:
    """Encodes a uint8 [height, width, 1 or 3] image losslessly."""
    encoded = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(encoded, "PNG")
    return encoded.getvalue()


def _builder_class(base: Any, entry: DataSet, content: Content, progress: Progress | None) -> Any:
    configs = list(base.BUILDER_CONFIGS)
    if content.config and content.config not in base.builder_configs:
        configs.append(tfds.core.BuilderConfig(name=content.config, description=f"{content.config}, not TFDS's own"))

    def counted(split: str, features: Any) -> Records:
        for done, item in enumerate(_checked(entry, content, split, features), start=1):
            yield item
            if progress and done % 500 == 0:
                progress(f"{entry.name} {split}", done, content.sizes.get(split))

    # Without registration, TFDS still finds its own class by this name. Pyright can't know the argument, because the
    # base class is known only at run time.
    class Prepared(base, skip_registration=True):  # pyright: ignore[reportGeneralTypeIssues, reportCallIssue]
        name = base.name
        BUILDER_CONFIGS = configs
        pkg_dir_path = base.pkg_dir_path  # the folder of the description and the citation

        def _split_generators(self, dl_manager):
            features = self.info.features
            for feature, names in content.label_names.items():
                _check_names(content, feature, names, features[feature].num_classes)
                features[feature].names = names
            return {split: counted(split, features) for split in content.splits}

        # Silences TFDS's own messages; progress goes through the callback.
        def _log_download_bytes(self):
            pass

        def _log_download_done(self):
            pass

    return Prepared


def _checked(entry: DataSet, content: Content, split: str, features: Any) -> Records:
    """The records of a split, checked here because TFDS's own error messages contain the bytes of the whole record.

    Raises:
        DataMissingError: the split is empty, or a record has an unknown class or a key that occurred before.
    """
    origin = content.origins.get(split, "the archive")
    known, seen = set(features["label"].names or ()), set()
    key = None
    for key, record in content.splits[split]():
        label = record["label"]
        if isinstance(label, str) and label not in known:
            raise DataMissingError(
                f"{origin} holds {shown(key)} of the class {shown(label)}, which {entry.name} doesn't have; "
                "remove that class from it, or replace it by the original"
            )
        if isinstance(key, str):  # a number is a position in a file, and therefore unique
            if key in seen:
                raise DataMissingError(f"{origin} holds {shown(key)} twice; remove one of them")
            seen.add(key)
        yield key, record
    if key is None:
        raise DataMissingError(f"{origin} holds no {split} images of {entry.name}; replace it by the original")


def _check_names(content: Content, feature: str, names: list[str], count: int) -> None:
    if len(names) != count or len(set(names)) != count:
        origin = next(iter(content.origins.values()), "the archive")
        raise DataMissingError(
            f"{origin} has {len(set(names))} names for the {count} values of {feature}; replace it by the original"
        )


def write(entry: DataSet, content: Content, *, data_dir: Path, progress: Progress | None = None) -> Path:
    """Writes the records into a folder named `incomplete.…`, which TFDS renames when it is complete.

    If the folder of this version already exists, for example with TFRecord files, it is left unchanged and the records
    go into the configuration of `beside_config`.

    Returns:
        The data set's folder, `<data_dir>/<name>/[<config>/]<version>`.

    Raises:
        DataMissingError: both folders exist, or a split is empty or has an unknown class or a repeated key.
    """
    base = tfds.builder_cls(str(entry.tfds_name))
    taken = _folder(entry, content.config, data_dir)
    if taken.exists():
        is_ours = compact_side(content.config or "") is not None  # nobody else writes compact copies
        content = dataclasses.replace(content, config=None if is_ours else beside_config(content.config))
        if is_ours or (taken := _folder(entry, content.config, data_dir)).exists():
            raise DataMissingError(f"{taken} holds no readable data set; remove it, then run the command again")
    builder = _builder_class(base, entry, content, progress)(
        data_dir=os.fspath(data_dir),
        file_format="array_record",
        **({"config": content.config} if content.config else {}),
    )
    # TFDS records the first configuration as the default, which must not be one of ours.
    builder.BUILDER_CONFIGS = base.BUILDER_CONFIGS
    settings = tfds.download.DownloadConfig(try_download_gcs=False, compute_stats=tfds.download.ComputeStatsMode.SKIP)
    with _no_progress_bars(), signals.cleaning(_remover_of_incomplete(Path(os.fspath(builder.data_path)))):
        builder.download_and_prepare(download_config=settings, file_format="array_record")
    return Path(os.fspath(builder.data_path))


def _folder(entry: DataSet, config: str | None, data_dir: Path) -> Path:
    return data_dir / str(entry.tfds_name) / (config or "") / entry.version


def _remover_of_incomplete(folder: Path) -> Callable[[], None]:
    """A function that removes `incomplete.…` folders created from now on; existing ones belong to other processes."""

    def found() -> set[Path]:
        return set(folder.parent.glob(f"incomplete.*{folder.name}"))

    before = found()

    def remove() -> None:
        for path in found() - before:
            shutil.rmtree(path, ignore_errors=True)

    return remove


@contextlib.contextmanager
def _no_progress_bars() -> Iterator[None]:
    tfds.disable_progress_bar()
    try:
        yield
    finally:
        tfds.enable_progress_bar()
