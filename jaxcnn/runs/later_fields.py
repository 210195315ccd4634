"""Fields that older versions didn't have, and so didn't write down: what a run of such a version did instead."""

from collections.abc import Mapping
from typing import Any

# Type of a part of an experiment → its field → the value that stands for what was done before there was the field.
LATER: dict[str, dict[str, Any]] = {
    "Inputs": {"resize": "shorter_side", "channel_order": "RGB"},
    "NIN": {"pool2": "max"},
}


def with_later_fields(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """What a run wrote down of its experiment, completed by the fields that its version didn't have.

    >>> with_later_fields({"model": {"type": "NIN", "num_classes": 10}})
    {'model': {'pool2': 'max', 'type': 'NIN', 'num_classes': 10}}
    """
    return {name: _completed(part) for name, part in experiment.items()}


def _completed(part: Any) -> Any:
    return {**LATER.get(str(part.get("type")), {}), **part} if isinstance(part, dict) else part
