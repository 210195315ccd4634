"""Our errors beside the paper's for the same variant, data set and protocol."""

from collections.abc import Mapping
from typing import Any

from jaxcnn.config.experiment import Experiment, Result
from jaxcnn.config.overrides import has_path, value_at

ERRORS = ("top1_error", "top5_error")


def comparison(experiment: Experiment, data: str, evaluation: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The paper's figures that our errors may be compared with.

    Args:
      experiment: as it ran.
      data: the data set that it ran on.
      evaluation: protocol → {"top1_error", "top5_error", …}, in percent.

    Returns:
      For each figure, in the order of the protocols and then of the paper: {"protocol", "source", "data",
      "top1_error", "top5_error"}; an error is {"ours", "paper", "difference" (ours less the paper's)} in percent, or
      None where the paper doesn't give it. The list is empty where the paper has no figure for this.
    """
    found: list[dict[str, Any]] = []
    for protocol, metrics in evaluation.items():
        for result in experiment.paper.results:
            if result.protocol != protocol or result.data != data or not is_for(result, experiment):
                continue
            errors = {name: _beside(metrics[name], getattr(result, name)) for name in ERRORS}
            entry = {"protocol": protocol, "source": result.source, "data": data, **errors}
            if not any(_repeats(entry, other) for other in found):  # a paper may print a figure in two tables
                found.append(entry)
    return found


def is_for(result: Result, experiment: Experiment) -> bool:
    """Whether a figure is for this variant with these settings."""
    return experiment.variant in result.variants and all(
        has_path(experiment, path) and value_at(experiment, path) == value for path, value in result.settings
    )


def _beside(ours: float, paper: float | None) -> dict[str, float] | None:
    return None if paper is None else {"ours": ours, "paper": paper, "difference": ours - paper}


def _repeats(entry: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(entry[name] == other[name] for name in ("protocol", "data", *ERRORS))
