"""Errors class by class, and which classes are taken for which."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcnn.evaluation.image_results import ImageResults


def per_class(results: ImageResults, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Each class's errors.

    Args:
      results: of a split.
      names: of the classes, by label; those that share a name get their number behind it.

    Returns:
      {name: {"top1_error" (percent; None for a class without images), "count"}}.
    """
    counts = np.bincount(results.label, minlength=len(names))
    errors = np.bincount(results.label[results.wrong], minlength=len(names))
    return {
        name: {"top1_error": 100.0 * int(wrong) / int(count) if count else None, "count": int(count)}
        for name, wrong, count in zip(distinct(names), errors, counts, strict=True)
    }


def distinct(names: Sequence[str]) -> list[str]:
    """The names, with the number of the class behind those that occur more than once.

    >>> distinct(["crane", "ship", "crane"])
    ['crane (0)', 'ship', 'crane (2)']
    """
    times = Counter(names)
    return [f"{name} ({label})" if times[name] > 1 else name for label, name in enumerate(names)]


def confusion(results: ImageResults, classes: int) -> list[list[int]]:
    """How many images of each class are taken for which: a row for each true class, a column for each predicted one."""
    from sklearn.metrics import confusion_matrix  # a second, which other commands needn't wait for

    return confusion_matrix(results.label, results.predicted, labels=np.arange(classes)).tolist()
