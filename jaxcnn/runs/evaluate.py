"""Evaluating what a run's folder holds."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax

from jaxcnn.config.experiment import Experiment, load
from jaxcnn.config.overrides import ACTIVATIONS, LENGTHS, apply_changes, override, parse_settings, set_path
from jaxcnn.config.serialize import to_json
from jaxcnn.data.datasets import data_set
from jaxcnn.data.preparation.choose import Choice, choose
from jaxcnn.data.sources import Source, open_source
from jaxcnn.errors import UsageError
from jaxcnn.evaluation.evaluator import Evaluator
from jaxcnn.evaluation.protocols import check_image_sizes, check_protocol
from jaxcnn.parallel.compilation import check_compiling
from jaxcnn.parallel.devices import Devices
from jaxcnn.reporting.progress import Display, Silent
from jaxcnn.runs.checkpoints import Checkpoints
from jaxcnn.runs.disk_errors import reporting_full_disk
from jaxcnn.runs.folder import FREE, local_folder, saved_identity, split_content
from jaxcnn.runs.resolve import resolve
from jaxcnn.runs.same_run import CONTENT, differences
from jaxcnn.training import state as train_state
from jaxcnn.training.network import check_outputs
from jaxcnn.training.out_of_memory import MORE, reporting_out_of_memory

SETTINGS = ("scales", "evaluation_batch_size", "precision")  # fields that may change after training
NAMED = 3  # classes in a note


def evaluate(
    workdir: str | Path,
    *,
    protocols: Sequence[str] = (),
    data: str | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    settings: Sequence[str] = (),
    experiment: Experiment | None = None,
    display: Display | None = None,
) -> dict[str, Any]:
    """The errors of a run's newest checkpoint on the test split.

    Args:
      workdir: the run's folder.
      protocols: names in `protocols.PROTOCOLS`; by default the experiment's own.
      data: another data set, with no more classes than the network has outputs; by default the run's. Where its classes
        have other names, or its images aren't those that the run was tested on, the display says so.
      data_dir, manual_dir: as for `fit`.
      settings: overrides ("scales.dense=(384,)") of the fields in `SETTINGS`.
      experiment: only needed where the run was made from an experiment that isn't a file in `experiments/`.
      display: shows progress; by default nothing is shown.

    Returns:
      {"experiment", "variant", "step", "data", "split", "protocols": {name: {"top1_error", "top5_error", "loss",
      "count"}}}, errors in percent; a protocol that looks at whole images also has its "scales".

    Raises:
      UsageError, DataMissingError: see `jaxcnn.errors`.
    """
    check_compiling()
    display = display or Silent()
    workdir = local_folder(workdir)
    saved = saved_experiment(workdir)
    experiment = rebuild(saved) if experiment is None else with_outputs_of(saved, experiment)
    experiment = as_evaluated(experiment, settings)
    protocols = checked_protocols(protocols, experiment)
    name = data or saved["data"]
    check_outputs(experiment, data_set(name).num_classes, f"--data={name}")
    choice = choose(name, name, None, data_dir=data_dir, manual_dir=manual_dir, progress=display.advance)
    source = open_source(choice.name, "test", data_dir=data_dir)
    for protocol in protocols:
        check_image_sizes(protocol, experiment, source)
    for note in other_data(workdir, saved, source):
        display.message(note)
    devices = Devices()
    with reporting_out_of_memory(f"evaluating {experiment.id}", lambda: f"{MORE}."):
        state = restore_state(experiment, workdir, devices)
        variables = train_state.evaluation_variables(state)
        evaluator = Evaluator(experiment, source, devices)
        results = {
            protocol: evaluator(protocol, variables, progress=partial(display.advance, protocol))
            for protocol in protocols
        }
    return {
        "experiment": experiment.name,
        "variant": experiment.variant,
        "step": int(state.step),
        "data": choice.name,
        "split": "test",
        "protocols": results,
    }


def as_evaluated(experiment: Experiment, settings: Sequence[str]) -> Experiment:
    """The experiment with these settings. Raises UsageError for a setting that evaluation doesn't use."""
    for setting, (path, _) in zip(settings, parse_settings(settings), strict=True):
        if path.split(".")[0] not in SETTINGS:
            raise UsageError(f"--set {setting}: a trained network keeps all but {', '.join(SETTINGS)}.")
    return override(experiment, *settings)


def checked_protocols(protocols: Sequence[str], experiment: Experiment) -> Sequence[str]:
    """These protocols, or the experiment's own. Raises UsageError where one of them doesn't suit the experiment."""
    if isinstance(protocols, str):
        raise UsageError(f"protocols (={protocols!r}) must be a list of names, as in protocols=[{protocols!r}].")
    protocols = protocols or experiment.protocols
    for protocol in protocols:
        check_protocol(protocol, experiment)
    return protocols


def with_outputs_of(saved: dict[str, Any], experiment: Experiment) -> Experiment:
    """The experiment with as many outputs as the run had, which `fit` had set to what its data needed."""
    classes = saved["model"].get("num_classes")
    return experiment if classes is None else set_path(experiment, "model.num_classes", classes)


def other_data(workdir: Path, saved: dict[str, Any], source: Source) -> list[str]:
    """Notes, one a line, if the data isn't that of the run's own evaluations.

    Args:
      saved: what experiment.json says; a run of an older version says nothing of its data's content.
      source: the test split.
    """
    lines, content = [], saved.get(CONTENT)
    names = class_names(workdir)
    if names is not None and list(source.class_names) != names:
        lines.append(
            f"note: the classes of {source.name} aren't those that the network was trained on ({_first(names)}; here "
            f"{_first(source.class_names)}): they are compared by their numbers."
        )
    known = content and {name: content["test"][name] for name in ("images", "fingerprint")}
    if known and source.name == saved["data"] and known != split_content(source):
        lines.append(
            f"note: the test images of this {source.name} aren't those of the run's own evaluations "
            f"({known['images']:,} there, {len(source):,} here)."
        )
    return lines


def class_names(workdir: Path) -> list[str] | None:
    """The names of the classes that a run's network was trained on; None where no checkpoint says."""
    checkpoints = Checkpoints(workdir)
    try:
        return checkpoints.record().get("class_names")
    finally:
        checkpoints.close()


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")


def saved_experiment(workdir: Path) -> dict[str, Any]:
    """What experiment.json says. Raises UsageError where the folder is no run's, and as `saved_identity` does."""
    saved = saved_identity(workdir)
    if saved is None:
        raise UsageError(f"{workdir} is no run's folder: it has no experiment.json.")
    return saved


def rebuild(saved: dict[str, Any]) -> Experiment:
    """The experiment that a run was made from: its file in `experiments/`, with what the run changed.

    Raises:
      UsageError: the run was made from an experiment that the files can't give.
    """
    experiment = load(f"{saved['name']}:{saved['variant']}")
    choice = Choice(saved["data"], saved["rehearsal"], "", "")
    experiment = resolve(experiment, choice, (), saved["model"].get("num_classes", 1))
    present = {name: value for name, value in to_json(experiment).items() if name not in FREE | {"type", "data"}}
    wanted = {name: saved[name] for name in present if name in saved}
    known = [path for path in differences(wanted, present) if _has(wanted, path)]  # an old run may lack new fields
    changes = [(path, _at(wanted, path)) for path in known]
    if any(path.endswith("type") for path, _ in changes):
        raise UsageError(
            f"the run was made from an experiment that {experiment.id} can't be turned into "
            f"({', '.join(path for path, _ in changes)} differ); give it as evaluate(…, experiment=…)."
        )
    # Of two lengths one is None; the other one decides.
    set_ones = [(path, _from_json(value)) for path, value in changes if path not in LENGTHS or value is not None]
    return apply_changes(experiment, set_ones)


def _at(tree: dict[str, Any], path: str) -> Any:
    for name in path.split("."):
        tree = tree[name]
    return tree


def _has(tree: dict[str, Any], path: str) -> bool:
    head, _, rest = path.partition(".")
    return head in tree and (not rest or (isinstance(tree[head], dict) and _has(tree[head], rest)))


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_from_json, value))
    return ACTIVATIONS.get(value, value) if isinstance(value, str) else value


def restore_state(experiment: Experiment, workdir: Path, devices: Devices) -> train_state.TrainState:
    """The newest state in a run's folder, on these devices. Raises DataMissingError where none was saved."""
    optimizer, statistics = experiment.optimizer.transformation(), train_state.zero_statistics(experiment.inputs)
    create = partial(train_state.create_for, experiment, optimizer, seed=0, statistics=statistics)
    with reporting_full_disk(workdir):
        checkpoints = Checkpoints(workdir)
        try:
            state, _ = checkpoints.restore(jax.eval_shape(create), devices.replicated)
        finally:
            checkpoints.close()
    return state
