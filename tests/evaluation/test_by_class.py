"""Errors by class and the confusion matrix, against scikit-learn and a loop."""

import numpy as np
from sklearn.metrics import confusion_matrix, recall_score

from jaxcnn.evaluation.by_class import confusion, distinct, per_class
from jaxcnn.evaluation.image_results import ImageResults

NAMES = ["cat", "dog", "crane", "crane", "nobody"]


def made_up(images: int = 400, classes: int = 4) -> ImageResults:
    """Results by scores, of which `rank` and `predicted` follow."""
    generator = np.random.default_rng(7)
    scores = generator.normal(size=(images, classes))
    label = generator.integers(0, classes, images).astype(np.int32)
    scores[np.arange(images), label] += 1.0
    powers = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    rank = (scores > scores[np.arange(images), label][:, None]).sum(axis=1).astype(np.int32)
    predicted = scores.argmax(axis=1).astype(np.int32)
    return ImageResults(label, predicted, powers.max(axis=1).astype(np.float32), rank)


def test_errors_are_one_minus_the_recall():
    results = made_up()
    found = per_class(results, NAMES)
    recall = recall_score(results.label, results.predicted, average=None)
    assert list(found) == ["cat", "dog", "crane (2)", "crane (3)", "nobody"]
    np.testing.assert_allclose([entry["top1_error"] for entry in list(found.values())[:4]], 100 * (1 - recall))
    assert sum(entry["count"] for entry in found.values()) == 400
    assert found["nobody"] == {"top1_error": None, "count": 0}


def test_the_confusion_has_a_row_for_each_true_class():
    results = made_up()
    by_loop = [[0] * 5 for _ in range(5)]
    for true, predicted in zip(results.label, results.predicted, strict=True):
        by_loop[true][predicted] += 1
    found = confusion(results, 5)
    assert found == by_loop
    np.testing.assert_array_equal(np.array(found)[:4, :4], confusion_matrix(results.label, results.predicted))
    assert all(type(count) is int for row in found for count in row)


def test_an_error_by_rank_counts_where_the_prediction_is_no_number():
    """All scores NaN: the first class is "predicted", and is wrong all the same."""
    nowhere = ImageResults(np.zeros(1, np.int32), np.zeros(1, np.int32), np.array([np.nan]), np.array([3]))
    assert per_class(nowhere, ["a"]) == {"a": {"top1_error": 100.0, "count": 1}}


def test_names_stay_where_they_differ():
    assert distinct(["a", "b"]) == ["a", "b"]
