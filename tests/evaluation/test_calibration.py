"""The calibration error against a loop and scikit-learn's reliability curve."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from jaxcnn.evaluation.calibration import BINS, expected_calibration_error, reliability
from jaxcnn.evaluation.image_results import ImageResults


def made_up(probability: np.ndarray, right: np.ndarray) -> ImageResults:
    zeros = np.zeros(len(probability), np.int32)
    return ImageResults(zeros, np.where(right, 0, 1).astype(np.int32), probability, np.where(right, 0, 1))


@pytest.fixture
def results() -> ImageResults:
    generator = np.random.default_rng(5)
    probability = generator.uniform(0.1, 1, 1000).astype(np.float32)
    return made_up(probability, generator.uniform(size=1000) < probability**2)


def test_the_curve_is_scikit_learns(results):
    accuracy, confidence = calibration_curve(~results.wrong, results.probability, n_bins=BINS)
    filled = [entry for entry in reliability(results) if entry["count"]]
    assert len(reliability(results)) == 15 and len(filled) < 15, "no probability is below 0.1"
    np.testing.assert_allclose([entry["accuracy"] for entry in filled], accuracy, rtol=1e-6)
    np.testing.assert_allclose([entry["confidence"] for entry in filled], confidence, rtol=1e-6)


def test_the_error_is_that_of_a_loop(results):
    error = 0.0
    for place in range(15):
        inside = [
            (float(probability), not wrong)
            for probability, wrong in zip(results.probability, results.wrong, strict=True)
            if place / 15 < probability <= (place + 1) / 15
        ]
        if inside:
            confidence, accuracy = np.mean(inside, axis=0)
            error += len(inside) / 1000 * abs(confidence - accuracy)
    found = expected_calibration_error(reliability(results))
    assert found == pytest.approx(error, rel=1e-9) and 0.05 < found < 0.5


def test_sure_and_right_is_calibrated_sure_and_wrong_is_not():
    ones = np.ones(10, np.float32)
    assert expected_calibration_error(reliability(made_up(ones, np.ones(10, bool)))) == 0
    assert expected_calibration_error(reliability(made_up(ones, np.zeros(10, bool)))) == 1


def test_what_is_no_number_is_in_no_bin():
    bins = reliability(made_up(np.array([np.nan, np.nan], np.float32), np.zeros(2, bool)))
    assert expected_calibration_error(bins) is None and sum(entry["count"] for entry in bins) == 0
