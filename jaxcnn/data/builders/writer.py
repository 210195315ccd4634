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

from jaxcnn import ending
from jaxcnn.data.archives import Progress
from jaxcnn.data.datasets import DataSet

Records = Iterator[tuple[int | str, dict]]


@dataclasses.dataclass(frozen=True)
class Content:
    """What a builder found in the archives.

    Attributes:
        splits: for each TFDS split, a function that yields (key, record) pairs, pictures encoded.
        label_names: names of the values of a label feature, where the archive itself has them.
        config: the TFDS configuration, for data sets that have several.
        sizes: how many records a split has, where it is known beforehand.
    """

    splits: Mapping[str, Callable[[], Records]]
    label_names: Mapping[str, list[str]] = dataclasses.field(default_factory=dict)
    config: str | None = None
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)


def png(image: np.ndarray) -> bytes:
    """Encodes a uint8 [height, width, 1 or 3] picture losslessly."""
    encoded = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(encoded, "PNG")
    return encoded.getvalue()


def _builder_class(base: Any, entry: DataSet, content: Content, progress: Progress | None) -> Any:
    configs = list(base.BUILDER_CONFIGS)
    if content.config and content.config not in base.builder_configs:
        configs.append(tfds.core.BuilderConfig(name=content.config, description=f"{content.config}, not TFDS's own"))

    def counted(split: str) -> Records:
        for done, item in enumerate(content.splits[split](), start=1):
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
            for feature, names in content.label_names.items():
                self.info.features[feature].names = names
            return {split: counted(split) for split in content.splits}

        # TFDS prints two sentences around the work; what we have to say goes through the callback.
        def _log_download_bytes(self):
            pass

        def _log_download_done(self):
            pass

    return Prepared


def write(entry: DataSet, content: Content, *, data_dir: Path, progress: Progress | None = None) -> Path:
    """Writes the records; TFDS fills a folder named `incomplete.…` and renames it when all is there.

    Returns:
        The data set's folder, `<data_dir>/<name>/[<config>/]<version>`.
    """
    base = tfds.builder_cls(str(entry.tfds_name))
    builder = _builder_class(base, entry, content, progress)(
        data_dir=os.fspath(data_dir),
        file_format="array_record",
        **({"config": content.config} if content.config else {}),
    )
    settings = tfds.download.DownloadConfig(try_download_gcs=False, compute_stats=tfds.download.ComputeStatsMode.SKIP)
    with _no_progress_bars(), ending.cleaning(_remover_of_incomplete(Path(os.fspath(builder.data_path)))):
        builder.download_and_prepare(download_config=settings, file_format="array_record")
    return Path(os.fspath(builder.data_path))


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
