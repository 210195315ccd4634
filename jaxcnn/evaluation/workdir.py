"""Evaluating what a run's folder holds."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax

from jaxcnn.data.choose import Choice, choose
from jaxcnn.data.sources import open_source
from jaxcnn.errors import UsageError
from jaxcnn.evaluation.evaluate import Evaluator
from jaxcnn.evaluation.protocols import check_pictures, check_protocol
from jaxcnn.experiment import Experiment, load
from jaxcnn.overrides import ACTIVATIONS, LENGTHS, apply_changes, override
from jaxcnn.reporting.progress import Display, Silent
from jaxcnn.training import state as train_state
from jaxcnn.training.checkpoints import Checkpoints
from jaxcnn.training.disk import full_disk_is_told
from jaxcnn.training.parallel import Devices, check_compiling
from jaxcnn.training.run_folder import FREE, differences, local_folder, plain, saved_identity
from jaxcnn.training.setting import resolve

SETTINGS = ("scales", "evaluation_batch_size", "precision")  # what of an experiment can change after its training


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
      data: another data set with as many classes; by default the run's.
      data_dir, manual_dir: as for `fit`.
      settings: overrides ("scales.dense=(384,)") of the fields in `SETTINGS`.
      experiment: only needed where the run was made from an experiment that isn't a file in `experiments/`.
      display: shows progress; by default nothing is shown.

    Returns:
      {"experiment", "variant", "step", "data", "split", "protocols": {name: {"top1_error", "top5_error", "loss",
      "count"}}}, errors in percent; a protocol that looks at whole pictures also has its "scales".

    Raises:
      UsageError, DataMissingError: see `jaxcnn.errors`.
    """
    check_compiling()
    display = display or Silent()
    workdir = local_folder(workdir)
    saved = saved_experiment(workdir)
    experiment = experiment or rebuild(saved)
    for setting in settings:
        if setting.split("=")[0].split(".")[0].strip() not in SETTINGS:
            raise UsageError(f"--set {setting}: a trained network keeps all but {', '.join(SETTINGS)}.")
    experiment = override(experiment, *settings)
    protocols = protocols or experiment.protocols
    for protocol in protocols:
        check_protocol(protocol, experiment)
    name = data or saved["data"]
    choice = choose(name, name, None, data_dir=data_dir, manual_dir=manual_dir, progress=display.advance)
    source = open_source(choice.name, "test", data_dir=data_dir)
    for protocol in protocols:
        check_pictures(protocol, experiment, source)
    classes = saved["model"]["num_classes"]
    if source.num_classes != classes:
        raise UsageError(f"--data={name} has {source.num_classes} classes, the network in {workdir} {classes}.")
    devices = Devices()
    state = restore_state(experiment, workdir, devices)
    variables = train_state.evaluation_variables(state)
    evaluator = Evaluator(experiment, source, devices)
    results = {
        protocol: evaluator(protocol, variables, progress=partial(display.advance, protocol)) for protocol in protocols
    }
    return {
        "experiment": experiment.name,
        "variant": experiment.variant,
        "step": int(state.step),
        "data": choice.name,
        "split": "test",
        "protocols": results,
    }


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
    experiment = resolve(experiment, choice, (), saved["model"]["num_classes"])
    present = {name: value for name, value in plain(experiment).items() if name not in FREE | {"type", "data"}}
    wanted = {name: saved[name] for name in present if name in saved}
    known = [path for path in differences(wanted, present) if _has(wanted, path)]  # an old run may lack new fields
    changes = [(path, _at(wanted, path)) for path in known]
    if any(path.endswith("type") for path, _ in changes):
        raise UsageError(
            f"the run was made from an experiment that {experiment.title} can't be turned into "
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
    with full_disk_is_told(workdir):
        checkpoints = Checkpoints(workdir)
        try:
            state, _ = checkpoints.restore(jax.eval_shape(create), devices.replicated)
        finally:
            checkpoints.close()
    return state
