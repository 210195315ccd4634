"""The plan of a run, checked before anything runs: settings first, before any data is prepared or downloaded."""

import dataclasses
import math
import numbers
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from jaxcnn.config.experiment import Experiment
from jaxcnn.data.any_source import any_data_set, open_any
from jaxcnn.data.datasets import data_set
from jaxcnn.data.naming import Name, canonical, short_name
from jaxcnn.data.preparation.choose import Choice, choose
from jaxcnn.data.sources import Source, is_prepared
from jaxcnn.errors import DataMissingError, UsageError, nearest
from jaxcnn.evaluation.protocols import check_image_sizes, check_protocol
from jaxcnn.models.sharding.towers import TOWER_AXIS
from jaxcnn.parallel import coordination
from jaxcnn.parallel.devices import Devices, Mode
from jaxcnn.parallel.mesh import parse_mesh, tower_axes
from jaxcnn.ranges import is_whole
from jaxcnn.reporting.progress import Display
from jaxcnn.runs.folder import default_workdir, local_folder
from jaxcnn.runs.inherited import Inherited, with_inherited
from jaxcnn.runs.length import Length
from jaxcnn.runs.resolve import chosen_paths, resolve

MODES = ("jit", "pmap")
SEEDS = 2**32


@dataclasses.dataclass(frozen=True)
class Plan:
    """A run before its first step.

    Attributes:
      experiment: as it runs on the chosen data, with everything that was overridden.
      choice: the data set, and whether it stands in for the paper's.
      train_source, test_source: its splits.
      devices: how they are laid out.
      length: in steps.
      workdir: the run's folder.
      seed: of everything random.
      inherited: what the experiment took over from imported weights.
    """

    experiment: Experiment
    choice: Choice
    train_source: Source
    test_source: Source
    devices: Devices
    length: Length
    workdir: Path
    seed: int
    inherited: Inherited


def plan_run(
    experiment: Experiment,
    *,
    workdir: str | Path | None,
    data: Name,
    data_dir: str | None,
    manual_dir: str | None,
    steps: int | None,
    epochs: float | None,
    seed: int,
    parallel: Mode,
    mesh: str | None,
    settings: Sequence[str],
    display: Display,
) -> Plan:
    """Turns the arguments of `fit` into a plan.

    Raises:
      UsageError: an argument or setting is wrong. Most are found before any data is prepared or downloaded; the rest
        depend on what the data holds.
      DataMissingError: the data isn't there.
    """
    check_arguments(experiment, steps=steps, epochs=epochs, seed=seed, parallel=parallel)
    folder = local_folder(workdir) if workdir else None
    parse_mesh(mesh, len(jax.devices()), parallel=parallel)
    inherited = with_inherited(experiment, settings, folder)
    check_before_data(inherited.experiment, data, settings, data_dir=data_dir, parallel=parallel, mesh=mesh)

    rehearsal_data = experiment.rehearsal.data if experiment.rehearsal else None
    choice = coordination.in_turn(
        lambda: choose(
            data,
            experiment.data,
            rehearsal_data,
            data_dir=data_dir,
            manual_dir=manual_dir,
            progress=display.advance,
        )
    )
    train_source = open_any(choice.name, "train", data_dir=data_dir)
    test_source = open_any(choice.name, "test", data_dir=data_dir)
    if folder is None:  # whether it has begun, and what it took over then, is known only now
        folder = default_workdir(experiment, short_name(choice.name), choice.rehearsal)
        inherited = with_inherited(experiment, settings, folder)
    experiment = resolve(inherited.experiment, choice, settings, train_source.num_classes)
    for protocol in experiment.protocols:
        check_protocol(protocol, experiment)
        check_image_sizes(protocol, experiment, test_source)
    return Plan(
        experiment=experiment,
        choice=choice,
        train_source=train_source,
        test_source=test_source,
        devices=lay_out(experiment, parallel=parallel, mesh=mesh),
        length=Length.of(experiment, len(train_source), steps=steps, epochs=epochs),
        workdir=folder,
        seed=int(seed),
        inherited=inherited,
    )


def check_arguments(
    experiment: Any, *, steps: Any = None, epochs: Any = None, seed: Any = 0, parallel: Any = "jit"
) -> None:
    """Raises UsageError if an argument of `fit` has a wrong type or value."""
    if not isinstance(experiment, Experiment):
        hint = f"; use jaxcnn.load({experiment!r})" if isinstance(experiment, str) else ""
        raise UsageError(f"experiment (={experiment!r}) must be an Experiment, as jaxcnn.load gives it{hint}.")
    if steps is not None and epochs is not None:
        raise UsageError(f"steps (={steps}) and epochs (={epochs}) exclude each other; give one of them.")
    if steps is not None and not (is_whole(steps) and steps >= 1):
        raise UsageError(f"steps (={steps!r}) must be a positive whole number: a run has at least one step.")
    is_number = isinstance(epochs, numbers.Real) and not isinstance(epochs, bool)
    if epochs is not None and not (is_number and 0 < float(epochs) < math.inf):
        raise UsageError(f"epochs (={epochs!r}) must be a positive, finite number.")
    if not (is_whole(seed) and 0 <= seed < SEEDS):
        raise UsageError(f"seed (={seed!r}) must be a whole number from 0 to {SEEDS - 1}.")
    if parallel not in MODES:
        raise UsageError(f"parallel (={parallel!r}): {nearest(str(parallel), list(MODES))}")


def check_before_data(
    experiment: Experiment,
    data: Name,
    settings: Sequence[str],
    *,
    data_dir: str | None,
    parallel: Mode,
    mesh: str | None,
) -> None:
    """Raises UsageError if the settings suit none of the data sets that the run may use.

    Where data "auto" may end in a rehearsal or in the paper's data, a setting may suit only one of them.
    """
    if not isinstance(data, str | os.PathLike) or not os.fspath(data):
        raise UsageError(f"data (={data!r}) must be auto, the name of a data set, or a folder of class folders.")
    name = experiment.data if data == "auto" else canonical(data)
    if not settings and not chosen_paths(experiment):
        return  # an experiment as its file has it is tested
    candidates = [(Choice(name, False, "", ""), expected_classes(experiment, name, data_dir))]
    rehearsal = experiment.rehearsal
    if data == "auto" and rehearsal is not None and not is_prepared(name, data_dir):
        candidates.append((Choice(rehearsal.data, True, "", ""), data_set(rehearsal.data).num_classes))
    refused: list[UsageError] = []
    for choice, num_classes in candidates:
        try:
            resolved = resolve(experiment, choice, settings, num_classes)
            for protocol in resolved.protocols:
                check_protocol(protocol, resolved)
            lay_out(resolved, parallel=parallel, mesh=mesh)
            return
        except UsageError as error:
            refused.append(error)
    raise refused[0]


def expected_classes(experiment: Experiment, name: str, data_dir: str | None) -> int:
    """How many classes the data has; where it can't be read, how many the network has.

    What is wrong with the data is said after the settings have been checked, by whoever opens it.
    """
    try:
        return any_data_set(name, data_dir).num_classes
    except (DataMissingError, UsageError):
        return getattr(experiment.model, "num_classes", 1)


def lay_out(experiment: Experiment, *, parallel: Mode, mesh: str | None) -> Devices:
    """All devices, as `mesh` lays them out for this experiment.

    Raises:
      UsageError: the batch doesn't divide over the devices, or the network not over the mesh.
    """
    towers = parse_mesh(mesh, len(jax.devices()), parallel=parallel)[TOWER_AXIS]
    devices = Devices(parallel, model=towers, tower_axes=tower_axes(experiment, towers))
    devices.check_batch_size(experiment.batch_size, accumulate=experiment.accumulate)
    return devices
