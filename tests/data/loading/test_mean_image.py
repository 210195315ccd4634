import numpy as np
import pytest

from jaxcnn.data.loading import mean_image
from jaxcnn.data.loading.in_memory import load_resident
from jaxcnn.data.sources import open_source


def test_the_mean_is_numpys(tmp_path):
    source = open_source("digits", "train")
    images = load_resident(source, size=16, channels=3)["image"]
    calls = []
    mean = mean_image.mean_image(
        source, size=16, channels=3, cache_dir=tmp_path, progress=lambda *call: calls.append(call)
    )
    assert mean.dtype == np.float32 and mean.shape == (16, 16, 3)
    np.testing.assert_allclose(mean, images.astype(np.float64).mean(axis=0), rtol=1e-6)
    assert calls[-1] == ("mean image of digits", 1438, 1438) and len(calls) == 12


def test_it_is_computed_once(small_mnist, monkeypatch):
    source = open_source("mnist", "train", data_dir=small_mnist.data_dir)
    mean = mean_image.mean_image(source, size=28, channels=1)
    np.testing.assert_allclose(mean[:, :, 0], small_mnist.images["train"].mean(axis=0), rtol=1e-6)
    monkeypatch.setattr(mean_image, "read_batch", lambda *a, **k: pytest.fail("read again"))
    np.testing.assert_array_equal(mean_image.mean_image(source, size=28, channels=1), mean)
