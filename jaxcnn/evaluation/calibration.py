"""Calibration: whether the probability of the predicted class is how often the prediction is right."""

from typing import Any

import numpy as np

from jaxcnn.evaluation.image_results import ImageResults

BINS = 15  # of equal width, as in Guo et al., "On Calibration of Modern Neural Networks", 2017


def reliability(results: ImageResults) -> list[dict[str, Any]]:
    """The reliability curve.

    Returns:
      For each of `BINS` bins of the top probability, (lower, upper]: {"lower", "upper", "count", "confidence" (the
      mean probability), "accuracy" (the share of hits)}, from 0 to 1. The last two are None in an empty bin. A
      probability that isn't a number is in no bin.
    """
    edges = np.linspace(0, 1, BINS + 1)
    known = np.isfinite(results.probability)
    probability, right = results.probability[known].astype(np.float64), ~results.wrong[known]
    places = np.searchsorted(edges[1:-1], probability)
    counts = np.bincount(places, minlength=BINS)
    confidence, accuracy = (np.bincount(places, values, minlength=BINS) for values in (probability, right))
    return [
        {
            "lower": float(edges[place]),
            "upper": float(edges[place + 1]),
            "count": int(count),
            "confidence": float(confidence[place] / count) if count else None,
            "accuracy": float(accuracy[place] / count) if count else None,
        }
        for place, count in enumerate(counts)
    ]


def expected_calibration_error(bins: list[dict[str, Any]]) -> float | None:
    """The mean distance of confidence and accuracy over the images, from 0 to 1; None where no bin holds any."""
    filled = [entry for entry in bins if entry["count"]]
    total = sum(entry["count"] for entry in filled)
    gaps = sum(entry["count"] * abs(entry["confidence"] - entry["accuracy"]) for entry in filled)
    return gaps / total if total else None
