"""In what a run departs from its recipe: another data set, other settings, fewer steps."""

from typing import Any

from jaxcnn.config.experiment import Experiment, load
from jaxcnn.config.overrides import apply_changes, different_paths, field_types, has_path, value_at
from jaxcnn.config.serialize import to_json
from jaxcnn.errors import UsageError
from jaxcnn.runs.folder import FREE


def departures(
    experiment: Experiment, *, data: str, rehearsal: bool, stop: int | None = None, planned: int | None = None
) -> list[str] | None:
    """What is not as in the experiment's file, each in words.

    A rehearsal's own changes belong to it and aren't listed; that it is one must be said beside.

    Args:
      experiment: as it runs.
      data: the data set that it runs on.
      rehearsal: whether that stands in for the paper's.
      stop, planned: the steps of the run and of its recipe; None where they aren't known.

    Returns:
      The departures; None for an experiment that isn't in `experiments/`, which has no recipe to depart from.
    """
    try:
        recipe = _recipe(experiment, rehearsal=rehearsal)
    except UsageError:
        return None
    named = load(experiment.id).data
    found = [] if rehearsal or data == named else [f"data {data} instead of {named}"]
    if type(recipe.model) is not type(experiment.model):
        return [*found, f"the network {type(experiment.model).__name__} instead of {type(recipe.model).__name__}"]
    for path in changed_paths(experiment, rehearsal=rehearsal):
        found.append(f"{path}={_shown(experiment, path)} instead of {_shown(recipe, path)}")
    if stop is not None and planned is not None and stop != planned:
        found.append(f"{stop:,} steps instead of {planned:,}")
    return found


def changed_paths(experiment: Experiment, *, rehearsal: bool) -> list[str]:
    """The paths of the fields that aren't as in the experiment's file, as `override` takes them.

    Raises:
      UsageError: the experiment isn't in `experiments/`.
    """
    recipe = _recipe(experiment, rehearsal=rehearsal)
    if type(recipe.model) is not type(experiment.model):
        return ["model"]
    # How often it is tested changes the training only where its rate depends on the tests.
    same = FREE if experiment.plateau is not None else FREE | {"evaluate_every"}
    return [path for path in different_paths(experiment, recipe) if path.split(".")[0] not in same]


def _recipe(experiment: Experiment, *, rehearsal: bool) -> Experiment:
    """The file's experiment with the changes that a rehearsal makes, for as many classes as the run has."""
    recipe = load(experiment.id)
    changes: list[tuple[str, Any]] = []
    if rehearsal and recipe.rehearsal is not None:
        changes += recipe.rehearsal.overrides.items()
    if "num_classes" in field_types(recipe.model) and has_path(experiment, "model.num_classes"):
        changes.append(("model.num_classes", value_at(experiment, "model.num_classes")))
    return apply_changes(recipe, changes)


def _shown(experiment: Experiment, path: str) -> str:
    value = to_json(value_at(experiment, path))
    return str(value["type"] if isinstance(value, dict) and "type" in value else value)
