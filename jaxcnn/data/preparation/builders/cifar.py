"""CIFAR-10 and CIFAR-100, from the "binary version" of the archives, packed or unpacked.

A record is one label byte (in CIFAR-100 the coarse, then the fine label) and 3,072 bytes of pixels: 32×32 red, then
green, then blue values.
"""

import functools
from pathlib import Path

import numpy as np

from jaxcnn.data.datasets import DataSet
from jaxcnn.data.manual_dir import shown
from jaxcnn.data.preparation.builders.members import members
from jaxcnn.data.preparation.builders.original import is_original
from jaxcnn.data.preparation.builders.writer import Content, Records, png
from jaxcnn.errors import DataMissingError

TRAIN_FILES = {"cifar10": [f"data_batch_{number}.bin" for number in range(1, 6)], "cifar100": ["train.bin"]}
TEST_FILES = {"cifar10": ["test_batch.bin"], "cifar100": ["test.bin"]}
NAME_FILES = {
    "cifar10": {"label": "batches.meta.txt"},
    "cifar100": {"coarse_label": "coarse_label_names.txt", "label": "fine_label_names.txt"},
}


def content(entry: DataSet, paths: dict[str, Path]) -> Content:
    """Reads the archive. One that differs from the original is accepted if its records are valid.

    Raises:
        DataMissingError: the archive is damaged or incomplete; the message names it.
    """
    (path,) = paths.values()
    is_original(entry, path)
    name_files = NAME_FILES[entry.name]
    wanted = {*TRAIN_FILES[entry.name], *TEST_FILES[entry.name], *name_files.values()}
    seen: list[str] = []

    def is_wanted(name: str) -> bool:
        seen.append(name)
        return name.rpartition("/")[2] in wanted

    files = {name.rpartition("/")[2]: data for name, data in members(path, is_wanted)}
    missing = sorted(wanted - files.keys())
    if missing:
        found = ", ".join(shown(name) for name in seen[:3]) or "nothing"
        raise DataMissingError(
            f"{path} lacks {', '.join(missing)} (it holds {found}{', …' if len(seen) > 3 else ''}); "
            f"replace it by the original {entry.archives[0].file_name}"
        )
    rows = {
        "train": _rows(path, entry, [files[name] for name in TRAIN_FILES[entry.name]]),
        "test": _rows(path, entry, [files[name] for name in TEST_FILES[entry.name]]),
    }
    labels = list(name_files)

    def records(split: str) -> Records:
        for index, row in enumerate(rows[split]):
            image = row[len(labels) :].reshape(3, 32, 32).transpose(1, 2, 0)
            values = {name: int(row[column]) for column, name in enumerate(labels)}
            yield index, {"id": f"{split}_{index:05d}", "image": png(np.ascontiguousarray(image)), **values}

    return Content(
        splits={split: functools.partial(records, split) for split in rows},
        label_names={name: files[file].decode(errors="replace").split() for name, file in name_files.items()},
        origins=dict.fromkeys(rows, path),
        sizes={split: len(of_split) for split, of_split in rows.items()},
    )


def _rows(path: Path, entry: DataSet, batches: list[bytes]) -> np.ndarray:
    """The records, uint8 [records, labels + 3072]; the last label is the fine one."""
    width = len(NAME_FILES[entry.name]) + 3072
    data = b"".join(batches)
    if len(data) % width:
        raise DataMissingError(
            f"{path} is damaged: {len(data):,} bytes are not a multiple of {width}; replace it by the original"
        )
    rows = np.frombuffer(data, np.uint8).reshape(-1, width)
    if rows[:, width - 3073].max(initial=0) >= entry.num_classes:
        raise DataMissingError(
            f"{path} is damaged: it has labels above {entry.num_classes - 1}; replace it by the original"
        )
    return rows
