"""A run's folder for a network that was trained elsewhere."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import UsageError
from jaxcnn.parallel.devices import Devices
from jaxcnn.runs.checkpoints import Checkpoints
from jaxcnn.runs.disk_errors import reporting_full_disk, require_utf8
from jaxcnn.runs.folder import commit, identity, local_folder, versions, write_json
from jaxcnn.runs.resumption import surroundings
from jaxcnn.training import state as train_state

Tree = Any


def adopt(
    experiment: Experiment,
    variables: dict[str, Tree],
    workdir: str | Path,
    *,
    class_names: Sequence[str] = (),
    origin: dict[str, Any] | None = None,
) -> Path:
    """Writes a network's variables as the checkpoint of step 0 in a run's folder of its own.

    `evaluate`, `predict`, `export` and `init_from` take the folder like that of a run. It appears when it is complete.

    Args:
      experiment: whose network it is; its inputs are the preprocessing that the weights want.
      variables: {"params", "batch_stats"}, float32, and "statistics" where the inputs need them.
      workdir: the folder; it may exist if it is empty.
      class_names: the name of each output, where they are known.
      origin: where the weights come from, in JSON types; experiment.json keeps it as "imported".

    Returns:
      The folder.

    Raises:
      UsageError: the folder isn't empty or can't be written, or the inputs need statistics that aren't there.
      JaxcnnError: the disk is full.
    """
    folder = free_folder(workdir)
    state = imported_state(experiment, variables)
    mine = identity(experiment, data=experiment.data, rehearsal=False, seed=0)
    record = {
        "experiment": mine,
        "class_names": list(class_names),
        "surroundings": surroundings(Devices(devices=jax.devices()[:1])),
        "seconds": 0.0,
        "evaluation_due": False,
    }
    part = folder.with_name(f"{folder.name}.part")
    with reporting_full_disk(folder):
        try:
            shutil.rmtree(part, ignore_errors=True)  # of an import that was interrupted
            part.mkdir(parents=True)
            content = {"experiment": mine, "versions": versions(), "commit": commit(), "imported": origin or {}}
            write_json(part / "experiment.json", content)
            checkpoints = Checkpoints(part)
            try:
                checkpoints.save(state, 0, record)
                checkpoints.wait()
            finally:
                checkpoints.close()
            if folder.exists():
                folder.rmdir()
            part.rename(folder)
        except PermissionError as error:
            raise UsageError(f"can't write to {folder}: {error.strerror}; choose another --workdir.") from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return folder


def free_folder(workdir: str | Path) -> Path:
    """The folder, which isn't there yet or is empty. Raises UsageError for any other."""
    folder = local_folder(workdir)
    require_utf8(folder)
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder} exists and isn't an empty folder; choose another --workdir.")
    except OSError as error:
        raise UsageError(f"can't use {folder}: {error.strerror}; choose another --workdir.") from error
    return folder


def imported_state(experiment: Experiment, variables: dict[str, Tree]) -> train_state.TrainState:
    """The state of a run at step 0 with these variables, and an optimizer that has done nothing yet."""
    statistics = variables.get("statistics") or {}
    needed = train_state.zero_statistics(experiment.inputs)
    if jax.tree.map(jnp.shape, needed) != jax.tree.map(jnp.shape, statistics):
        raise UsageError(
            f"{experiment.id} takes {', '.join(needed) or 'nothing'} from its training images, which the weights come "
            "without; set inputs.mean to numbers, and inputs.whitening to None."
        )
    optimizer = experiment.optimizer.transformation()

    def create() -> train_state.TrainState:
        return train_state.create_for(experiment, optimizer, seed=0, statistics=needed)

    shapes = jax.eval_shape(create)
    state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    params = jax.tree.map(jnp.asarray, variables["params"])
    return dataclasses.replace(
        state,
        params=params,
        batch_stats=jax.tree.map(jnp.asarray, variables.get("batch_stats", {})),
        statistics=jax.tree.map(jnp.asarray, statistics),
        average=params if state.average else {},
        plateau=type(state.plateau).create(),
        warmup={"factor": jnp.asarray(experiment.warmup.factor, jnp.float32)} if experiment.warmup else {},
    )
