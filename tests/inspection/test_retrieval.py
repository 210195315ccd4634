"""Neighbours and planes against NumPy."""

import numpy as np
import pytest

from jaxcnn.inspection.methods.patches import live_channels, strongest_patches
from jaxcnn.inspection.methods.retrieval import flattened_by_pca, flattened_by_tsne, nearest
from jaxcnn.inspection.network.boxes import Fields
from jaxcnn.inspection.network.graph import Stage


def test_nearest_by_a_loop():
    draw = np.random.default_rng(0)
    queries, gallery = draw.normal(size=(3, 20)).astype(np.float32), draw.normal(size=(40, 20)).astype(np.float32)
    numbers, distances = nearest(queries, gallery)
    for query, found, far in zip(queries, numbers, distances, strict=True):
        wanted = np.array([np.sqrt(((query - one) ** 2).sum()) for one in gallery])
        assert found.tolist() == np.argsort(wanted)[:6].tolist()
        np.testing.assert_allclose(far, np.sort(wanted)[:6], rtol=1e-5)
    assert nearest(queries, gallery[:2])[0].shape == (3, 2)


def test_principal_components_by_numpy():
    draw = np.random.default_rng(1)
    features = draw.normal(size=(30, 8)) * np.arange(1, 9)
    found, share = flattened_by_pca(features)
    centred = features - features.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(found), np.abs(left[:, :2] * sizes[:2]), rtol=1e-6)
    assert share == pytest.approx((sizes[:2] ** 2).sum() / (sizes**2).sum())


def test_t_sne_keeps_groups_apart_and_repeats():
    draw = np.random.default_rng(2)
    groups = np.repeat([0, 1, 2], 15)
    features = draw.normal(size=(45, 10)) + 20 * np.eye(3, 10)[groups]
    found = flattened_by_tsne(features, seed=3)
    np.testing.assert_array_equal(found, flattened_by_tsne(features, seed=3))
    numbers, _ = nearest(found, found, 5)
    assert (groups[numbers] == groups[:, None]).all()


def test_features_that_are_all_alike_do_no_harm():
    features = np.ones((12, 3))
    places, share = flattened_by_pca(features)
    assert np.isfinite(places).all() and share == 0
    assert np.isfinite(flattened_by_tsne(features, 0)).all()


def test_the_nine_strongest_patches():
    fields = Fields.of_image(4, 5, 3)
    stage = Stage("conv", "conv", (4, 5, 3), ((1, 0),), fields, False, ("conv",))
    draw = np.random.default_rng(4)
    maps = draw.normal(size=(20, 4, 5, 3)).astype(np.float32)
    flat = maps.reshape(20, 20, 3)
    patches = strongest_patches(stage, flat.max(axis=1), flat.argmax(axis=1), 1)
    assert [patch.image for patch in patches] == np.argsort(-flat[..., 1].max(axis=1))[:9].tolist()
    for patch in patches:
        assert maps[(patch.image, *patch.unit)] == patch.value == maps[patch.image, ..., 1].max()
        assert patch.box[:2] == patch.unit[:2], "a pixel sees itself"


def test_channels_that_never_respond_are_left_out():
    strongest = np.array([[0.0, 1.0, 2.0, 0.0], [0.0, 3.0, 2.0, 1.0]])
    assert live_channels(strongest, 4, seed=0) == [1, 3]
    assert live_channels(np.arange(60.0).reshape(2, 30), 4, 7) == live_channels(np.arange(60.0).reshape(2, 30), 4, 7)
