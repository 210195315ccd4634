"""Small archives of the official shapes, made of the embedded digits, and a data set prepared from them."""

import dataclasses
import gzip
import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from jaxcnn.data import datasets
from jaxcnn.data.embedded import Digits
from jaxcnn.data.preparation import archives as archives_module
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.errors import DataMissingError


class SmallMnist(NamedTuple):
    """A data folder with a prepared `mnist`, and what was put into it."""

    data_dir: Path
    archives: Path
    entry: datasets.DataSet
    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]


def write_idx(path: Path, array: np.ndarray) -> str:
    """Writes a gzipped IDX file and returns the sha256 of its content."""
    raw = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
    path.write_bytes(gzip.compress(raw))
    return hashlib.sha256(raw).hexdigest()


@pytest.fixture(scope="session")
def small_mnist(tmp_path_factory) -> SmallMnist:
    folder = tmp_path_factory.mktemp("small_mnist")
    images, labels, digests = {}, {}, {}
    for split, prefix, count in (("train", "train", 1000), ("test", "t10k", 300)):
        records = [Digits(split)[index] for index in range(count)]
        images[split] = np.stack([np.pad(record["image"][:, :, 0], 10) for record in records])
        labels[split] = np.array([record["label"] for record in records], np.uint8)
        for name, array in (("images-idx3", images[split]), ("labels-idx1", labels[split])):
            file_name = f"{prefix}-{name}-ubyte.gz"
            digests[file_name] = write_idx(folder / file_name, array)
    entry = datasets.data_set("mnist")
    archives = tuple(
        dataclasses.replace(archive, content_sha256=digests[archive.file_name]) for archive in entry.archives
    )
    entry = dataclasses.replace(entry, archives=archives)
    data_dir = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(datasets.DATA_SETS, "mnist", entry)
        prepare("mnist", data_dir=data_dir, manual_dir=folder)
    return SmallMnist(data_dir, folder, entry, images, labels)


class Tiny(NamedTuple):
    """A data folder with a prepared `mnist` of forty images, and its archives."""

    data_dir: Path
    archives: Path
    entry: datasets.DataSet

    @property
    def made(self) -> Path:
        return self.data_dir / "mnist" / "3.0.1"


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Tiny:
    folder, digests = tmp_path_factory.mktemp("tiny"), {}
    for prefix, count in (("train", 30), ("t10k", 10)):
        images = np.arange(count * 784).reshape(count, 28, 28).astype(np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", np.arange(count, dtype=np.uint8) % 10)):
            file = f"{prefix}-{name}-ubyte.gz"
            digests[file] = write_idx(folder / file, array)
    entry = datasets.data_set("mnist")
    archives = tuple(dataclasses.replace(each, content_sha256=digests[each.file_name]) for each in entry.archives)
    entry = dataclasses.replace(entry, archives=archives)
    data_dir = tmp_path_factory.mktemp("tiny_data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(datasets.DATA_SETS, "mnist", entry)
        prepare("mnist", data_dir=data_dir, manual_dir=folder)
    return Tiny(data_dir, folder, entry)


@pytest.fixture
def tiny(made_once, monkeypatch) -> Tiny:
    """Its archives count as MNIST's; nothing can be downloaded."""

    def unreachable(archive, folder, command, progress):
        raise DataMissingError(f"can't download {archive.url}")

    monkeypatch.setattr(archives_module, "download", unreachable)
    monkeypatch.setitem(datasets.DATA_SETS, "mnist", made_once.entry)
    return made_once
