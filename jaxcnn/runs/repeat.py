"""The commands that repeat a run, quoted for a shell."""

import dataclasses
import shlex
from collections.abc import Mapping
from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import LENGTHS, value_at
from jaxcnn.config.serialize import to_json
from jaxcnn.data.datasets import DATA_SETS, prepare_command
from jaxcnn.errors import UsageError
from jaxcnn.runs.departures import changed_paths
from jaxcnn.runtime import program


def commands(
    experiment: Experiment | None,
    saved: Mapping[str, Any],
    *,
    folder: str,
    commit: str | None,
    imported: Mapping[str, Any] | None = None,
    steps: int | None = None,
) -> list[tuple[str, str]]:
    """What to type, each with what it is for.

    Args:
      experiment: as it ran; None where it isn't known.
      saved: what experiment.json says of it.
      folder: of the run.
      commit: of the source, if it is known.
      imported: where its weights come from, if it was made of a file of weights.
      steps: where it stopped, if that isn't the recipe's end.
    """
    found, where = [], f"--workdir={folder}"
    if commit and not commit.endswith("-dirty"):
        found.append(("The source as it was:", f"git checkout {shlex.quote(commit)}"))
    if imported is not None:
        origin = f"--from={imported.get('from', 'FILE')}"
        found.append(("Import the weights:", _typed("import-weights", _exp(saved), origin, where)))
    else:
        data = str(saved["data"])
        if data in DATA_SETS and not DATA_SETS[data].embedded:
            found.append(("The data:", prepare_command(data)))
        found.append(training(experiment, saved, where, steps))
    found.append(("Evaluate it again:", _typed("eval", where)))
    found.append(("Write this page again:", _typed("report", where)))
    return found


def training(experiment: Experiment | None, saved: Mapping[str, Any], where: str, steps: int | None) -> tuple[str, str]:
    """The command that trains, and what it can't say."""
    arguments, said = [_exp(saved)], "Train:"
    if saved["rehearsal"]:
        said = "Train (it rehearses where the paper's data isn't found):"
    else:
        arguments.append(f"--data={saved['data']}")
    if saved.get("seed"):
        arguments.append(f"--seed={saved['seed']}")
    if steps is not None:
        arguments.append(f"--steps={steps}")
    settings, others = _settings(experiment, saved)
    arguments += settings
    if others:
        said = f"Train (from Python, as these can't be typed: {', '.join(others)}):"
    return said, _typed(*arguments, where)


def _settings(experiment: Experiment | None, saved: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The settings that a command line can express, and the paths of those that it can't."""
    try:
        paths = changed_paths(experiment, rehearsal=saved["rehearsal"]) if experiment is not None else None
    except UsageError:
        paths = None
    if experiment is None or paths is None:
        return [], ["the experiment"]
    settings, others = [], []
    for path in paths:
        value = value_at(experiment, path)
        if path in LENGTHS and value is None:  # the other length sets it
            continue
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            others.append(path)
        else:
            text = to_json(value) if callable(value) or isinstance(value, str) else repr(value)
            settings += ["--set", f"{path}={text}"]
    return settings, others


def _exp(saved: Mapping[str, Any]) -> str:
    return f"--exp={saved['name']}:{saved['variant']}"


def _typed(*arguments: str) -> str:
    return f"{program.command()} {shlex.join(arguments)}"
