"""What a run takes over from a network that was trained elsewhere, besides its layers.

Imported weights want the pixels that they were trained on, and constants in their layers that the paper may have
otherwise: Caffe's networks see blue first, its response normalisation has k = 1. `import-weights` writes both into the
run's folder as changes of the experiment. A run that begins with such a folder (`init_from`) makes the same changes,
unless the user has set these fields; so does a run that begins with that run in turn.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxcnn.config.experiment import Experiment, load
from jaxcnn.config.overrides import apply_changes, different_paths, parse_settings, value_at
from jaxcnn.config.serialize import to_json
from jaxcnn.errors import UsageError
from jaxcnn.runs.folder import INHERITED
from jaxcnn.runs.resolve import not_chosen, without
from jaxcnn.runs.same_run import resolved
from jaxcnn.runs.trained import rebuild, saved_experiment

OWN = ("model.num_classes",)  # which the run's own data decides


@dataclasses.dataclass(frozen=True)
class Inherited:
    """An experiment with what it takes over.

    Attributes:
      experiment: with the fields changed.
      paths: of those fields.
    """

    experiment: Experiment
    paths: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What was taken over, a line; empty where nothing was."""
        if not self.paths:
            return ""
        values = ", ".join(f"{path}={to_json(value_at(self.experiment, path))}" for path in self.paths)
        return f"as the imported weights want it: {values}"


def with_inherited(experiment: Experiment, settings: Sequence[str] = (), workdir: Path | None = None) -> Inherited:
    """The experiment with what it takes over from the run that it begins with.

    Args:
      experiment: as the user has it; what was set in it stays.
      settings: overrides that will be applied later; what they set isn't taken over, and they may set `init_from`.
      workdir: of the run. If it has begun, it goes on with what it took over then, wherever the other folder is now.
    """
    set_later = dict(parse_settings(settings))
    source = set_later.get("init_from", experiment.init_from)
    if not isinstance(source, str):
        return Inherited(experiment)
    found = _begun(workdir) or _imported(Path(str(resolved(source))))
    same_network = found and type(found[0].model) is type(experiment.model)
    changes = {} if not found else {path: value_at(found[0], path) for path in found[1]}
    changes = without(not_chosen(experiment, changes), set_later)
    changes = {path: value for path, value in changes.items() if same_network or not path.startswith("model.")}
    return Inherited(apply_changes(experiment, changes.items()) if changes else experiment, tuple(changes))


def _begun(workdir: Path | None) -> tuple[Experiment, list[str]] | None:
    """A run's own experiment, and what it took over; None where it took nothing, or hasn't begun."""
    content = {} if workdir is None else _content(workdir)
    if workdir is None or not content.get(INHERITED):
        return None
    return rebuild(saved_experiment(workdir)), list(content[INHERITED])


def _imported(folder: Path) -> tuple[Experiment, list[str]] | None:
    """The experiment of imported weights, or of a run that began with some, and what they have otherwise."""
    if not {"imported", INHERITED} & _content(folder).keys():
        return None
    try:
        theirs = rebuild(saved_experiment(folder))
        usual = load(theirs.id)
    except UsageError:  # made from an experiment of the user's own: nobody knows what was changed
        return None
    changed = different_paths(theirs, usual)
    return theirs, [path for path in changed if path.startswith(("model.", "inputs.")) and path not in OWN]


def _content(folder: Path) -> Mapping[str, Any]:
    """experiment.json; empty where it isn't there, or is damaged, which others report."""
    try:
        found = json.loads((folder / "experiment.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
