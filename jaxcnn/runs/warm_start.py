"""Starting from another run's network: VGG's deeper nets begin with layers of net A (§3.1).

Layers are taken whole: their parameters, and the running averages of their batch normalisation. If the other run keeps
an average of its parameters (`Experiment.averaging`), that average is taken, since it is the network that the run
evaluates. If the other network has a different number of classes, its classifier is left out, and a new one gets its
initial values (`runs.new_classifier`).

What the inputs take from all training images together (the mean image, or ZCA whitening) belongs to the network. It is
taken if all layers are taken and `stored_size`, `channels`, `resize`, `mean` and `whitening` are the same in both runs;
an evaluation right after the start then gives the other run's result. Otherwise this run computes its own.
"""

import dataclasses
from collections.abc import Collection
from pathlib import Path
from typing import Any

import jax

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs
from jaxcnn.config.serialize import to_json
from jaxcnn.errors import UsageError
from jaxcnn.parallel.devices import Devices
from jaxcnn.runs.checkpoints import Checkpoints, has_checkpoint
from jaxcnn.runs.folder import params_sha256, saved_identity
from jaxcnn.runs.later_fields import with_later_fields
from jaxcnn.runs.new_classifier import new_classifier, other_classes
from jaxcnn.runs.same_run import resolved, value_at
from jaxcnn.training.layers import some, without
from jaxcnn.training.network import CARRIED
from jaxcnn.training.state import init, zero_statistics

Tree = Any
# The fields of `Inputs` that decide which values a network sees for an image.
VALUES = ("channels", "channel_order", "mean", "scale", "whitening", "local_contrast")
NAMED = 6  # layers in a message


@dataclasses.dataclass(frozen=True)
class InitialWeights:
    """What a run takes from another run's network.

    Attributes:
      params, batch_stats: of the layers that are taken; arrays, laid out over the devices.
      statistics: of the inputs (`state.zero_statistics`); None if the run computes its own.
      sha256: of all the arrays above.
      notes: what was taken, and what to look out for; one line each.
    """

    params: dict[str, Tree]
    batch_stats: dict[str, Tree]
    statistics: dict[str, Tree] | None
    sha256: str
    notes: tuple[str, ...]


def starting_weights(
    experiment: Experiment, workdir: Path, devices: Devices, class_names: tuple[str, ...] = ()
) -> InitialWeights | None:
    """What a run in `workdir` takes from the run in `experiment.init_from`.

    Returns None if `init_from` isn't set, and for a run that continues from a checkpoint of its own. The other run's
    folder may be gone by then; it is read again only if it is given by a different path than at the start, to find out
    whether it holds the same weights.

    Args:
      experiment, workdir, devices: of the run.
      class_names: those of the run's data.

    Raises:
      UsageError: the folder holds no run, or its network has no such layer, or one of another shape.
      DataMissingError, JaxcnnError: it holds no complete checkpoint, or a damaged one.
    """
    if experiment.init_from is None:
        return None
    if has_checkpoint(workdir):
        begun = saved_identity(workdir)
        if begun is not None and resolved(begun.get("init_from")) == resolved(experiment.init_from):
            return None
    return read(experiment, devices, class_names)


def read(experiment: Experiment, devices: Devices, class_names: tuple[str, ...] = ()) -> InitialWeights:
    """What `experiment` takes from the newest checkpoint in `init_from`. Raises the errors of `starting_weights`."""
    folder = source_folder(str(experiment.init_from))
    checkpoints = Checkpoints(folder)
    try:
        theirs = checkpoints.network(devices.placement)
        step, record = checkpoints.newest_sound(), checkpoints.record()
    finally:
        checkpoints.close()
    inputs = with_later_fields(record.get("experiment", {})).get("inputs")
    ours = jax.eval_shape(lambda: init(experiment.model, experiment))
    names = layers(ours)
    chosen = experiment.init_layers if experiment.init_layers is not None else tuple(names)
    for name in chosen:
        check_name(name, ours, theirs, experiment, folder)
    new = new_classifier(experiment, ours, theirs, chosen)
    fitting = kinds_without(theirs, new.layers)
    for name in chosen:
        check_shapes(name, kinds_without(ours, new.layers), fitting, folder)
    taken = {kind: {name: tree[name] for name in chosen if name in tree} for kind, tree in fitting.items()}
    if not layers(taken):
        raise UsageError(f"init_from: nothing of {folder} is left to begin with, as {new.note}; see init_layers.")
    is_whole, inputs = set(chosen) == set(names), value_at(record, "experiment.inputs")
    statistics, why = taken_statistics(theirs["statistics"], is_whole, experiment.inputs, inputs)
    digest = params_sha256(devices.gather({**taken, "statistics": statistics or {}}))
    some_layers = f"{len(layers(taken))} of {len(names)} layers ({some(layers(taken), NAMED)})"
    what = new.whole(len(names)) if is_whole else some_layers
    averages = ", batch statistics with them" if taken["batch_stats"] else ""
    notes = [*checkpoints.notes, f"begins with {what} of {folder} at step {step:,}{averages}{why}"]
    if new.layers:
        notes += new.notes(experiment.train_only, ours)
    else:
        notes += other_classes(experiment, chosen, record.get("class_names"), class_names)
    notes += other_pixels(experiment.inputs, inputs)
    return InitialWeights(taken["params"], taken["batch_stats"], statistics, digest, tuple(notes))


def source_folder(given: str) -> Path:
    """The folder that `init_from` names. Raises UsageError unless it is a local folder with a checkpoint."""
    if "://" in given:
        raise UsageError(f"init_from (={given}) must be a local folder; mount the bucket, and name the folder there.")
    folder = Path(str(resolved(given)))
    if not has_checkpoint(folder):
        raise UsageError(f"init_from (={given}) is no run's folder: {folder} holds no complete checkpoint.")
    return folder


def other_pixels(inputs: Inputs, theirs: dict[str, Any] | None) -> list[str]:
    """A note if the layers were trained on other pixel values than they see here."""
    here = {field: to_json(getattr(inputs, field)) for field in VALUES}
    known = "; ".join(
        f"inputs.{field} is {value_at(theirs, field)!r} there, here {value!r}"
        for field, value in here.items()
        if value_at(theirs, field) != value
    )
    return [f"note: the layers were trained on other values of the pixels: {known}."] if known else []


def layers(variables: Tree) -> list[str]:
    """The names of a network's top-level layers."""
    return list(dict.fromkeys([*variables["params"], *variables.get("batch_stats", {})]))


def kinds_without(variables: Tree, left_out: Collection[str]) -> dict[str, Tree]:
    """The parameters and batch statistics of a network, but for some layers; their names are those of `describe`."""
    return {kind: without(variables.get(kind, {}), left_out) for kind in CARRIED}


def check_name(name: str, ours: Tree, theirs: Tree, experiment: Experiment, folder: Path) -> None:
    """Raises UsageError unless both networks have this layer."""
    for network, where in ((ours, experiment.id), (theirs, f"the network in {folder}")):
        if name not in layers(network):
            raise UsageError(f"init_layers: {where} has no layer {name!r}; name those that both have.")


def check_shapes(name: str, ours: Tree, theirs: Tree, folder: Path) -> None:
    """Raises UsageError unless both networks have the same shapes in this layer."""
    for kind in CARRIED:
        mine, other = (shapes(network.get(kind, {}).get(name, {})) for network in (ours, theirs))
        if mine != other:
            raise UsageError(
                f"init_from: layer {name} is {other} in {folder}, here it is {mine}; name the layers that fit in "
                "init_layers."
            )


def taken_statistics(
    theirs: dict[str, Tree], is_whole: bool, inputs: Inputs, their_inputs: dict[str, Any] | None
) -> tuple[dict[str, Tree] | None, str]:
    """The other run's statistics of its inputs where they are taken, else None; and how a message goes on about it."""
    if not zero_statistics(inputs):
        return None, ""
    decisive = ("stored_size", "channels", "resize", "whitening" if inputs.whitening is not None else "mean")
    differs = [name for name in decisive if value_at(their_inputs, name) != to_json(getattr(inputs, name))]
    what = "whitening" if inputs.whitening is not None else "mean image"
    if not is_whole:
        return None, f"; the {what} is that of this run's data, as it isn't the whole network"
    if differs:
        return None, f"; the {what} is that of this run's data, as inputs.{differs[0]} is another"
    return theirs, f", and with its {what}"


def shapes(layer: dict[str, Any]) -> dict[str, Any]:
    """The shapes of a layer's parameters, or of the layers within it."""
    return {name: shapes(leaf) if isinstance(leaf, dict) else tuple(leaf.shape) for name, leaf in layer.items()}
