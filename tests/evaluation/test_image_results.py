"""What an evaluation says of each image, against NumPy: by crops, by whole images, on one device and on eight."""

import dataclasses

import jax
import numpy as np
import pytest
from test_evaluator import TEST, scores_by_numpy, softmax, variables, weights

from jaxcnn.data.loading.read import read_batch
from jaxcnn.evaluation.evaluator import Evaluator
from jaxcnn.evaluation.image_results import ImageResults
from jaxcnn.parallel.devices import Devices


def check(found: ImageResults, scores: np.ndarray, probabilities: np.ndarray, labels: np.ndarray) -> None:
    np.testing.assert_array_equal(found.label, labels)
    np.testing.assert_array_equal(found.predicted, scores.argmax(axis=1))
    np.testing.assert_allclose(found.probability, probabilities.max(axis=1), rtol=1e-4)
    order = np.argsort(-scores, axis=1, kind="stable")
    np.testing.assert_array_equal(found.rank, [list(row).index(x) for row, x in zip(order, labels, strict=True)])


@pytest.mark.parametrize("devices", [1, 8])
@pytest.mark.parametrize("batch_size", [16, 64, 5000])
def test_every_image_has_its_row_in_the_order_of_the_records(linear, devices, batch_size):
    experiment = dataclasses.replace(linear, evaluation_batch_size=batch_size)
    params = weights(64)
    evaluator = Evaluator(experiment, TEST, Devices(devices=jax.devices()[:devices]))
    placed = Devices(devices=jax.devices()[:devices]).replicate({"params": params, "batch_stats": {}, "statistics": {}})
    metrics, found = evaluator.with_images("center", placed)
    everything = read_batch(TEST, range(len(TEST)), size=8, channels=1)
    scores = scores_by_numpy(everything["image"], params)
    check(found, scores, softmax(scores), everything["label"])
    assert metrics == evaluator("center", placed), "the errors are the same with and without the images"
    assert metrics["top1_error"] == pytest.approx(100 * found.wrong.mean())
    assert metrics["top5_error"] == pytest.approx(100 * (found.rank >= 5).mean())


def test_the_views_of_an_image_are_averaged_first(linear):
    experiment = dataclasses.replace(linear, inputs=dataclasses.replace(linear.inputs, stored_size=66, size=64))
    params = weights(64 * 64)
    _, found = Evaluator(experiment, TEST, Devices()).with_images("ten_crop", variables(params))
    everything = read_batch(TEST, range(len(TEST)), size=66, channels=1)
    places = [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)]
    views = [everything["image"][:, top : top + 64, left : left + 64] for top, left in places]
    views += [view[:, :, ::-1] for view in views]
    averaged = np.mean([softmax(scores_by_numpy(view, params)) for view in views], axis=0)
    sure = np.diff(np.sort(averaged, axis=1)[:, -2:], axis=1)[:, 0] > 1e-5  # ties are decided by rounding
    np.testing.assert_array_equal(found.predicted[sure], averaged.argmax(axis=1)[sure])
    np.testing.assert_allclose(found.probability, averaged.max(axis=1), rtol=1e-3)
    assert sure.mean() > 0.9
