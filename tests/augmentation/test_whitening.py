"""Global contrast normalisation and ZCA against scikit-learn and the definition."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from jaxcnn.augmentation import whitening
from jaxcnn.augmentation.whitening import global_contrast, zca_whitening
from jaxcnn.data.loading.in_memory import load_resident
from jaxcnn.data.sources import open_source

DIGITS = open_source("digits", "train")


def normalised() -> np.ndarray:
    images = load_resident(DIGITS, size=8, channels=1)["image"].reshape(-1, 64).astype(np.float64)
    centred = images - images.mean(axis=1, keepdims=True)
    return 55 * centred / np.sqrt((centred**2).sum(axis=1, keepdims=True))


def test_global_contrast_is_a_rows_own():
    rows = np.random.default_rng(0).normal(100, 30, (5, 48))
    ours = global_contrast(rows, 55.0)
    for row, result in zip(rows, ours, strict=True):
        assert result.mean() == pytest.approx(0, abs=1e-9) and np.linalg.norm(result) == pytest.approx(55)
        assert np.corrcoef(row, result)[0, 1] == pytest.approx(1)
    np.testing.assert_array_equal(global_contrast(np.full((1, 48), 7.0), 55.0), 0)


def test_without_a_bias_it_is_scikit_learns_whitening_turned_back(tmp_path):
    """PCA(whiten=True) divides by the deviations of n − 1; back-rotated by its components that is ZCA."""
    rows = normalised()
    found = zca_whitening(DIGITS, size=8, channels=1, norm=55.0, filter_bias=1e-3, cache_dir=tmp_path)
    pca = PCA(whiten=True, svd_solver="full").fit(rows)
    strong = pca.explained_variance_ > 10  # where the bias makes no difference
    ours = ((rows - found["mean"]) @ found["zca"]) @ pca.components_[strong].T
    theirs = pca.transform(rows)[:, strong] * np.sqrt(len(rows) / (len(rows) - 1))
    assert strong.sum() > 20
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_the_whitened_covariance_is_what_the_bias_leaves(tmp_path):
    rows = normalised()
    found = zca_whitening(DIGITS, size=8, channels=1, norm=55.0, filter_bias=0.1, cache_dir=tmp_path)
    np.testing.assert_allclose(found["mean"], rows.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(found["zca"], found["zca"].T, atol=1e-5)
    whitened = (rows - rows.mean(axis=0)) @ found["zca"]
    values, vectors = np.linalg.eigh(np.cov(rows.T, bias=True))
    expected = (vectors * (np.maximum(values, 0) / (np.maximum(values, 0) + 0.1))) @ vectors.T
    np.testing.assert_allclose(np.cov(whitened.T, bias=True), expected, atol=2e-3)


def test_it_is_computed_once_and_kept(tmp_path, monkeypatch):
    options = {"size": 8, "channels": 1, "norm": 55.0, "cache_dir": tmp_path}
    calls = []
    found = zca_whitening(DIGITS, filter_bias=0.1, progress=lambda *call: calls.append(call), **options)
    assert calls == [("whitening of digits", 1438, 1438)]
    assert found["mean"].dtype == found["zca"].dtype == np.float32
    with monkeypatch.context() as patch:
        patch.setattr(whitening, "load_resident", lambda *a, **k: pytest.fail("computed again"))
        again = zca_whitening(DIGITS, filter_bias=0.1, **options)
    np.testing.assert_array_equal(again["zca"], found["zca"])
    other = zca_whitening(DIGITS, filter_bias=0.2, **options)
    assert not np.array_equal(other["zca"], found["zca"])
