"""All that an evaluation by one protocol says, beside its errors: by class, and how sure the network was."""

from collections.abc import Sequence
from typing import Any

from jaxcnn.evaluation.by_class import confusion, per_class
from jaxcnn.evaluation.calibration import expected_calibration_error, reliability
from jaxcnn.evaluation.image_results import ImageResults


def details(results: ImageResults, names: Sequence[str]) -> dict[str, Any]:
    """What the results come to, in JSON types.

    Args:
      results: of a split, by one protocol.
      names: of the network's outputs.

    Returns:
      {"per_class": {name: {"top1_error", "count"}}, "confusion" (rows true, columns predicted),
      "expected_calibration_error" (0 to 1), "calibration" (see `calibration.reliability`)}.
    """
    bins = reliability(results)
    return {
        "per_class": per_class(results, names),
        "confusion": confusion(results, len(names)),
        "expected_calibration_error": expected_calibration_error(bins),
        "calibration": bins,
    }
