"""Evaluating what a run's folder holds."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import override, parse_settings
from jaxcnn.data.any_source import any_data_set, open_any
from jaxcnn.data.class_names import readable_names
from jaxcnn.data.naming import Name, canonical
from jaxcnn.data.preparation.choose import choose
from jaxcnn.data.relabelled import knows_all, with_labels_of
from jaxcnn.data.sources import Source
from jaxcnn.errors import UsageError
from jaxcnn.evaluation.details import details
from jaxcnn.evaluation.evaluator import Evaluator
from jaxcnn.evaluation.protocols import check_image_sizes, check_protocol
from jaxcnn.parallel.compilation import check_compiling
from jaxcnn.parallel.devices import Devices
from jaxcnn.reporting.progress import Display, Silent
from jaxcnn.runs.folder import local_folder, split_content
from jaxcnn.runs.same_run import CONTENT
from jaxcnn.runs.trained import class_names, rebuild, restore_state, saved_experiment, with_outputs_of
from jaxcnn.training import state as train_state
from jaxcnn.training.network import check_outputs, count_outputs
from jaxcnn.training.out_of_memory import MORE, reporting_out_of_memory

SETTINGS = ("scales", "evaluation_batch_size", "precision")  # fields that may change after training
NAMED = 3  # classes in a note


def evaluate(
    workdir: str | Path,
    *,
    protocols: Sequence[str] = (),
    data: Name | None = None,
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
      data: another data set, as for `fit`, with no more classes than the network has outputs; by default the run's.
        Classes are compared by their names where the network knows all of them, else by their numbers. The display says
        which, where they aren't the run's own classes, and whether the images aren't those that it was tested on.
      data_dir, manual_dir: as for `fit`.
      settings: overrides ("scales.dense=(384,)") of the fields in `SETTINGS`.
      experiment: only needed where the run was made from an experiment that isn't a file in `experiments/`.
      display: shows progress; by default nothing is shown.

    Returns:
      {"experiment", "variant", "step", "data", "split", "protocols": {name: {"top1_error", "top5_error", "loss",
      "count", "per_class", "confusion", "expected_calibration_error", "calibration"}}}, errors in percent; for
      the last four see `evaluation.details`. A protocol that looks at whole images also has its "scales".

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
    name = canonical(data) if data else saved["data"]
    check_outputs(experiment, any_data_set(name, data_dir).num_classes, f"--data={name}")
    choice = choose(name, name, None, data_dir=data_dir, manual_dir=manual_dir, progress=display.advance)
    source = open_any(choice.name, "test", data_dir=data_dir)
    for protocol in protocols:
        check_image_sizes(protocol, experiment, source)
    names = class_names(workdir)
    for note in other_data(names, saved, source):
        display.message(note)
    source = with_labels_of(source, names)
    devices = Devices()
    with reporting_out_of_memory(f"evaluating {experiment.id}", lambda: f"{MORE}."):
        state = restore_state(experiment, workdir, devices)
        variables = train_state.evaluation_variables(state)
        evaluator = Evaluator(experiment, source, devices)
        outputs = readable_names(names or source.class_names, count_outputs(experiment))
        results = {}
        for protocol in protocols:
            progress = partial(display.advance, protocol)
            metrics, images = evaluator.with_images(protocol, variables, progress=progress)
            results[protocol] = {**metrics, **details(images, outputs)}
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


def other_data(names: Sequence[str] | None, saved: dict[str, Any], source: Source) -> list[str]:
    """Notes, one a line, if the data isn't that of the run's own evaluations.

    Args:
      names: of the classes that the network was trained on; None or empty where they aren't known.
      saved: what experiment.json says; a run of an older version says nothing of its data's content.
      source: the test split.
    """
    lines, content = [], saved.get(CONTENT)
    if names and _readable(source.class_names) != _readable(names):  # imported weights may come without names
        by = "names" if knows_all(names, source.class_names) else "numbers"
        lines.append(
            f"note: the classes of {source.name} aren't those that the network was trained on ({_first(names)}; here "
            f"{_first(source.class_names)}): they are compared by their {by}."
        )
    known = content and {name: content["test"][name] for name in ("images", "fingerprint")}
    if known and source.name == saved["data"] and known != split_content(source):
        lines.append(
            f"note: the test images of this {source.name} aren't those of the run's own evaluations "
            f"({known['images']:,} there, {len(source):,} here)."
        )
    return lines


def _readable(names: Sequence[str]) -> tuple[str, ...]:
    """ImageNet's classes have identifiers in data sets, and words in a folder of imported weights."""
    return readable_names(names, len(names))


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
