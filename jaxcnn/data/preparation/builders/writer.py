"""Writing records as a TFDS data set (array_record) without TensorFlow.

TFDS's own builder class is subclassed with its name and version, so that its features and metadata are
the registered ones and plain `tfds.data_source(name)` reads the result; only the generators are ours,
and they yield encoded pictures, which TFDS stores as they are. The keys are TFDS's too, so that the
records come in the order in which TFDS itself shuffles them.
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
    """What a builder found in the archives.

    Attributes:
        splits: for each TFDS split, a function that yields (key, record) pairs, pictures encoded.
        label_names: names of the values of a label feature, where the archive itself has them.
        config: the TFDS configuration, for data sets that have several.
        sizes: how many records a split has, where it is known beforehand.
        origins: the archive, or folder, of each split: for messages.
    """

    splits: Mapping[str, Callable[[], Records]]
    label_names: Mapping[str, list[str]] = dataclasses.field(default_factory=dict)
    config: str | None = None
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    origins: Mapping[str, Path] = dataclasses.field(default_factory=dict)


def png(image: np.ndarray) -> bytes:
    """Encodes a uint8 [height, width, 1 or 3] picture losslessly."""
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

    # Without registration TFDS goes on finding its own class by this name. Pyright looks for the argument
    # in `object`, because the base is only known at run time.
    class Prepared(base, skip_registration=True):  # pyright: ignore[reportGeneralTypeIssues, reportCallIssue]
        name = base.name
        BUILDER_CONFIGS = configs
        pkg_dir_path = base.pkg_dir_path  # where the description and the citation lie

        def _split_generators(self, dl_manager):
            features = self.info.features
            for feature, names in content.label_names.items():
                _check_names(content, feature, names, features[feature].num_classes)
                features[feature].names = names
            return {split: counted(split, features) for split in content.splits}

        # TFDS prints two sentences around the work; what we have to say goes through the callback.
        def _log_download_bytes(self):
            pass

        def _log_download_done(self):
            pass

    return Prepared


def _checked(entry: DataSet, content: Content, split: str, features: Any) -> Records:
    """The records of a split, if there are any and TFDS will take them.

    TFDS's own messages about those that it doesn't take have the whole record in them, bytes and all.
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
        if isinstance(key, str):  # a number is a place in a file, and comes once
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
    """Writes the records; TFDS fills a folder named `incomplete.…` and renames it when all is there.

    Where the folder of this version is taken, by TFRecord files for instance, the records go beside it, into the
    configuration `beside_config` names; what lies there is left alone.

    Returns:
        The data set's folder, `<data_dir>/<name>/[<config>/]<version>`.

    Raises:
        DataMissingError: both places are taken; or a split is empty, or has an unknown class or a name twice.
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
    # TFDS notes the first configuration as the default one: it mustn't be one of ours.
    builder.BUILDER_CONFIGS = base.BUILDER_CONFIGS
    settings = tfds.download.DownloadConfig(try_download_gcs=False, compute_stats=tfds.download.ComputeStatsMode.SKIP)
    with _no_progress_bars(), signals.cleaning(_remover_of_incomplete(Path(os.fspath(builder.data_path)))):
        builder.download_and_prepare(download_config=settings, file_format="array_record")
    return Path(os.fspath(builder.data_path))


def _folder(entry: DataSet, config: str | None, data_dir: Path) -> Path:
    return data_dir / str(entry.tfds_name) / (config or "") / entry.version


def _remover_of_incomplete(folder: Path) -> Callable[[], None]:
    """Removes what TFDS calls `incomplete.…` until it is complete, but for what is there already: another process's."""

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
