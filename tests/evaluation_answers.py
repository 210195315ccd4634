"""The errors within an answer of `evaluate`, which are those that summary.json repeats."""

from typing import Any

DETAILS = {"per_class", "confusion", "expected_calibration_error", "calibration"}


def errors_of(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Protocol → {"loss", "top1_error", "top5_error", "count", …}."""
    return {
        protocol: {name: value for name, value in metrics.items() if name not in DETAILS}
        for protocol, metrics in answer["protocols"].items()
    }
