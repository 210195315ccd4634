import os
import shutil

import chex
import numpy as np
import pytest

from jaxcnn.data.loading import cache
from jaxcnn.data.sources import open_source

ARRAYS = {"mean": np.arange(12, dtype=np.float32).reshape(2, 2, 3)}


@pytest.mark.parametrize("content", [None, b"", b"PK half a file"])
def test_what_isnt_there_or_is_damaged_is_computed_again(tmp_path, content):
    path = tmp_path / "new" / "mean.npz"
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)
    chex.assert_trees_all_equal(cache.load_or_compute(path, lambda: ARRAYS), ARRAYS)
    kept = cache.load_or_compute(path, lambda: pytest.fail("computed again"))
    chex.assert_trees_all_equal(kept, ARRAYS)
    assert [entry.name for entry in path.parent.iterdir()] == ["mean.npz"]


def test_a_full_disk_costs_only_the_file(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.np, "savez", full)
    assert cache.load_or_compute(tmp_path / "mean.npz", lambda: ARRAYS) is ARRAYS
    assert list(tmp_path.iterdir()) == []


def test_the_name_changes_with_all_that_the_result_depends_on(small_mnist, tmp_path):
    source = open_source("mnist", "test", data_dir=small_mnist.data_dir)
    shutil.copytree(small_mnist.data_dir / "mnist", tmp_path / "mnist")
    other = open_source("mnist", "test", data_dir=tmp_path)
    shard = next(path for path in (tmp_path / "mnist" / "3.0.1").iterdir() if "array_record" in path.name)
    os.utime(shard, (1, 1))
    names = {
        cache.cache_file(which, what, size=size, channels=channels, folder=tmp_path)
        for which in (source, other, open_source("mnist", "train", data_dir=small_mnist.data_dir))
        for what in ("mean", "decoded")
        for size, channels in ((28, 1), (32, 1), (28, 3))
    }
    assert len(names) == 18


def test_embedded_and_remote_data_have_no_file_beside_them():
    assert cache.cache_file(open_source("digits", "test"), "mean", size=8, channels=1) is None
