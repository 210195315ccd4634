"""Records under the labels of a network that was trained on other data, matched by the names of the classes."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcnn.data.class_names import readable_names
from jaxcnn.data.sources import Record, Source


def knows_all(names: Sequence[str], others: Sequence[str]) -> bool:
    """Whether each of the other classes is one of these by its name; ImageNet's have identifiers, or words.

    >>> knows_all(["cat", "tench, Tinca tinca", "dog"], ["dog", "n01440764"]), knows_all(["cat", "dog"], ["bird"])
    (True, False)
    """
    ours, theirs = readable_names(names, len(names)), readable_names(others, len(others))
    return len(set(ours)) == len(ours) and set(theirs) <= set(ours) and len(set(theirs)) == len(theirs)


def with_labels_of(source: Source, names: Sequence[str] | None) -> Source:
    """The records with the labels that a network's classes have, if it knows all of the source's; else as they are.

    Args:
        source: the records.
        names: of the network's classes; None or empty where they aren't known.
    """
    if not names or list(source.class_names) == list(names) or not knows_all(names, source.class_names):
        return source
    return Relabelled(source, tuple(names))


class Relabelled(Source):
    """The records of another source, under the labels that their classes have among `names`."""

    def __init__(self, source: Source, names: tuple[str, ...]) -> None:
        self.name, self.split, self.folder = source.name, source.split, source.folder
        self.num_classes = len(names)
        self._source, self._names = source, names
        places = readable_names(names, len(names))
        self._labels = [places.index(name) for name in readable_names(source.class_names, len(source.class_names))]

    def __reduce__(self) -> Any:
        return Relabelled, (self._source, self._names)

    @property
    def as_shown(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._source.as_shown

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._names

    @property
    def shorter_side(self) -> int | None:
        return self._source.shorter_side

    @property
    def note(self) -> str:
        return self._source.note

    @property
    def location(self) -> str | None:
        return self._source.location

    @property
    def stored_bytes(self) -> int | None:
        return self._source.stored_bytes

    @property
    def advice(self) -> str:
        return self._source.advice

    @property
    def files_version(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        labels = hashlib.sha256(json.dumps(self._labels).encode()).hexdigest()[:16]
        return f"{self._source.files_version}-{labels}"

    def file(self, record: int) -> str | None:
        return self._source.file(record)

    def __len__(self) -> int:
        return len(self._source)

    def __getitems__(self, indices: Sequence[int] | np.ndarray) -> list[Record]:
        found = self._source.__getitems__(indices)
        return [{"image": record["image"], "label": self._labels[record["label"]]} for record in found]
