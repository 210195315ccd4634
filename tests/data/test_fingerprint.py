"""What a split holds: the same for every copy of a data set, and another for every other content."""

import io
import os
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jaxcnn.data.fingerprint import fingerprint
from jaxcnn.data.preparation.prepare import prepare
from jaxcnn.data.sources import open_source


class Split:
    """Records in a list."""

    def __init__(self, *records: tuple[object, int]) -> None:
        self.records = [{"image": image, "label": label} for image, label in records]

    def __len__(self) -> int:
        return len(self.records)

    def __getitems__(self, indices):
        return [self.records[index] for index in indices]


def png(image: np.ndarray, level: int) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, "PNG", compress_level=level)
    return encoded.getvalue()


def test_a_copy_and_one_prepared_again_are_the_same_data(small_mnist, tmp_path, monkeypatch):
    from jaxcnn.data import datasets

    shutil.copytree(small_mnist.data_dir / "mnist", tmp_path / "copy" / "mnist")
    for path in (tmp_path / "copy" / "mnist" / "3.0.1").iterdir():
        os.utime(path, (1, 1))
    monkeypatch.setitem(datasets.DATA_SETS, "mnist", small_mnist.entry)
    prepare("mnist", data_dir=tmp_path / "again", manual_dir=small_mnist.archives)
    for split in ("train", "test"):
        folders = (small_mnist.data_dir, tmp_path / "copy", tmp_path / "again")
        sources = [open_source("mnist", split, data_dir=folder) for folder in folders]
        assert len({source.fingerprint for source in sources}) == 1
        # What was computed from the files doesn't rely on a sample.
        assert len({source.files_version for source in sources[:2]}) == 2
    both = {open_source("mnist", split, data_dir=small_mnist.data_dir).fingerprint for split in ("train", "test")}
    assert len(both) == 2


def test_every_change_of_the_content_is_seen():
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (4, 4), dtype=np.uint8) for _ in range(6)]
    records = [(png(image, 9), label) for label, image in enumerate(images)]
    changed = [
        records[:-1],
        [*records, records[0]],
        [records[1], records[0], *records[2:]],
        [*records[:5], (records[5][0], 7)],
        [*records[:5], (png(255 - images[5], 9), 5)],
        [*records[:5], (png(images[5].reshape(2, 8), 9), 5)],
        [],
    ]
    found = [fingerprint(Split(*variant)) for variant in (records, *changed)]
    assert len(set(found)) == len(found)
    assert fingerprint(Split(*[(png(image, 0), label) for label, image in enumerate(images)])) == found[0]
    assert fingerprint(Split(*[(image, label) for label, image in enumerate(images)])) == found[0]


@given(total=st.integers(0, 400), sampled=st.integers(1, 40))
def test_the_sample_is_small_and_reaches_both_ends(total, sampled):
    read: list[int] = []

    class Counted(Split):
        def __getitems__(self, indices):
            read.extend(indices)
            return super().__getitems__(indices)

    fingerprint(Counted(*((b"jpeg", 0) for _ in range(total))), sampled)
    assert len(read) <= sampled and read == sorted(set(read))
    if total:
        assert read[0] == 0 and (sampled == 1 or read[-1] == total - 1)
        assert len(read) == min(sampled, total)


@pytest.mark.parametrize("image", [b"", b"\x89PNG\r\n\x1a\n half", b"\xff\xd8 a JPEG"])
def test_what_cant_be_decoded_counts_by_its_bytes(image):
    assert fingerprint(Split((image, 0))) == fingerprint(Split((bytes(image), 0)))
    assert fingerprint(Split((image, 0))) != fingerprint(Split((image + b".", 0)))


def test_embedded_sets_have_one_each():
    found = {open_source(name, split).fingerprint for name in ("digits", "photos") for split in ("train", "test")}
    assert len(found) == 4 and found == {
        open_source(name, split).fingerprint for name in ("digits", "photos") for split in ("train", "test")
    }
