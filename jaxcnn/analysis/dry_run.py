"""`--dry-run`: what a run would need. The run's own step is compiled but not executed."""

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.analysis.collectives import collectives, host_transfers
from jaxcnn.analysis.data_check import check_data
from jaxcnn.analysis.dry_run_warnings import warnings
from jaxcnn.analysis.machine import device_memory, operations_a_second
from jaxcnn.analysis.memory import device_bytes, memory_plan, process_bytes, tree_bytes
from jaxcnn.analysis.operations import step_operations
from jaxcnn.config.experiment import Experiment
from jaxcnn.data.naming import Name, canonical, short_name
from jaxcnn.data.preparation.choose import Choice
from jaxcnn.evaluation.crops import center
from jaxcnn.evaluation.evaluator import evaluation_rows
from jaxcnn.models.sharding.towers import BATCH_AXIS, TOWER_AXIS
from jaxcnn.parallel.compilation import check_compiling
from jaxcnn.parallel.devices import Devices, Mode
from jaxcnn.reporting.progress import Display, Silent
from jaxcnn.runs.folder import default_workdir, local_folder
from jaxcnn.runs.inherited import with_inherited
from jaxcnn.runs.length import Length
from jaxcnn.runs.plan import check_arguments, expected_classes, lay_out
from jaxcnn.runs.resolve import resolve
from jaxcnn.runtime import process_memory
from jaxcnn.training import state as train_state
from jaxcnn.training.curvature import curvature_samples
from jaxcnn.training.out_of_memory import telling_out_of_memory
from jaxcnn.training.program import Program
from jaxcnn.training.steps import make_evaluation_step

CHECKPOINTS = 3  # two are kept, and the next one is written before the older is removed


@telling_out_of_memory
def dry_run(
    experiment: Experiment,
    *,
    workdir: str | Path | None = None,
    data: Name = "auto",
    data_dir: str | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    parallel: Mode = "jit",
    mesh: str | None = None,
    settings: Sequence[str] = (),
    simulated: bool = False,
    display: Display | None = None,
) -> dict[str, Any]:
    """Compiles the step of a run with these arguments, which are those of `fit`, and reports what the run would need.

    With data "auto" it is a run on the paper's data set, even if that is missing.

    Args:
      simulated: whether the devices are simulated by one processor, so that no times are estimated.

    Returns:
      {"experiment", "variant", "data", "precision", "batch_size", "accumulate", "remat", "parallel", "mesh", "devices",
      "parameters", "compile_seconds", "memory", "flops_per_step", "collectives", "host_transfers", "data_found",
      "length", "time", "disk", "warnings"}; docs/dry-run.md explains each.

    Raises:
      UsageError: as `fit`.
      JaxcnnError: the step can't be compiled for want of memory.
    """
    check_compiling()
    display = display or Silent()
    check_arguments(experiment, steps=steps, epochs=epochs, parallel=parallel)
    name = experiment.data if data == "auto" else canonical(data)
    rehearsal = experiment.rehearsal if data == "auto" else None
    experiment = with_inherited(experiment, settings).experiment
    experiment = resolve(
        experiment, Choice(name, False, "", ""), settings, expected_classes(experiment, name, data_dir)
    )
    devices = lay_out(experiment, parallel=parallel, mesh=mesh)
    count = len(devices.devices)
    with ticking(display, "checking the data"):
        found = check_data(experiment, name, data_dir=data_dir)
    length = Length.of(experiment, found["train_pictures"], steps=steps, epochs=epochs)

    program = Program(
        experiment,
        devices,
        steps_per_epoch=length.steps_per_epoch,
        total_steps=length.planned,
        images=found["train_pictures"],
        on_device=found["on_device"],
    )
    began = time.monotonic()
    with ticking(display, f"compiling {experiment.id} for {count} × {devices.platform}"), uncached():
        compiled = program.compile_step()
        on_cpu = devices.platform == "cpu"
        evaluation = compile_others(program, experiment, devices, found["test_pictures"]) if on_cpu else 0
    compile_seconds = time.monotonic() - began
    text = compiled.as_text() or ""
    memory = device_bytes(compiled, program)
    operations = step_operations(program) // count
    speed = None if simulated else operations_a_second(devices.devices[0], experiment.precision)
    if on_cpu:  # after programs have been traced and run, as a run does
        memory["process"] = process_bytes(
            memory, experiment, found, peak=process_memory.peak_bytes(), evaluation=evaluation
        )
    folder = local_folder(workdir) if workdir else default_workdir(experiment, short_name(name), False)
    answer = {
        **recipe_and_devices(experiment, name, devices, simulated=simulated),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(program.state.params)),
        "compile_seconds": compile_seconds,
        "memory": memory,
        "flops_per_step": operations,
        "collectives": collectives(text),
        "host_transfers": host_transfers(text),
        "data_found": found,
        "length": {"steps_per_epoch": length.steps_per_epoch, "steps": length.stop},
        "time": estimated_time(experiment, length, found, operations, speed),
        "disk": disk_needed(folder, program, found),
    }
    return answer | {"warnings": warnings(answer, rehearsal.data if rehearsal else None)}


def recipe_and_devices(experiment: Experiment, data: str, devices: Devices, *, simulated: bool) -> dict[str, Any]:
    """The part of the answer that needs no compilation: what runs, and on what."""
    return {
        "experiment": experiment.name,
        "variant": experiment.variant,
        "data": data,
        "precision": experiment.precision,
        "batch_size": experiment.batch_size,
        "accumulate": experiment.accumulate,
        "remat": experiment.remat,
        "parallel": devices.mode,
        "mesh": {BATCH_AXIS: devices.batch_parts, TOWER_AXIS: devices.model_parts},
        "devices": {
            "kind": devices.devices[0].device_kind,
            "platform": devices.platform,
            "count": len(devices.devices),
            "simulated": simulated,
            "memory_bytes": device_memory(devices.devices[0]),
        },
    }


def compile_others(program: Program, experiment: Experiment, devices: Devices, test_images: int) -> int:
    """Compiles what else a run does, since that takes memory; bytes of temporary values of a test batch."""
    program.lower_creation()()
    samples = curvature_samples(experiment)
    if samples:
        program.compile_curvature(program.examples(samples))
    evaluator_batch = evaluation_shapes(experiment, devices, test_images)
    step = make_evaluation_step(experiment, center)
    variables = train_state.evaluation_variables(program.state)
    compiled = devices.compile_evaluation(step, variables, evaluator_batch, sums_and_rows=True)
    return memory_plan(compiled).temp_size_in_bytes


def evaluation_shapes(experiment: Experiment, devices: Devices, images: int) -> dict[str, jax.ShapeDtypeStruct]:
    """The shapes of a test batch of a split of so many images."""
    inputs, rows = experiment.inputs, evaluation_rows(experiment, images, devices.batch_parts)
    shape = (rows, inputs.stored_size, inputs.stored_size, inputs.channels)
    return {
        "image": jax.ShapeDtypeStruct(shape, jnp.uint8),
        "label": jax.ShapeDtypeStruct((rows,), jnp.int32),
        "mask": jax.ShapeDtypeStruct((rows,), jnp.float32),
    }


@contextlib.contextmanager
def uncached() -> Iterator[None]:
    """Turns JAX's compilation cache off, so that the time and memory of compiling can be measured."""
    config: Any = jax.config  # its options are unknown to type checkers
    before = config.jax_enable_compilation_cache
    config.update("jax_enable_compilation_cache", False)
    try:
        yield
    finally:
        config.update("jax_enable_compilation_cache", before)


@contextlib.contextmanager
def ticking(display: Display, what: str) -> Iterator[None]:
    """Shows the elapsed seconds during work that doesn't report its progress."""
    done, began = threading.Event(), time.monotonic()

    def tick() -> None:
        while not done.wait(1.0):
            display.advance(what, round(time.monotonic() - began), None, "s")

    thread = threading.Thread(target=tick, daemon=True)
    display.message(what)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def estimated_time(
    experiment: Experiment, length: Length, found: dict[str, Any], operations: int, speed: dict[str, float] | None
) -> dict[str, Any]:
    """Estimated seconds of a step, an epoch and a run without evaluations; None if no speed was measured.

    A step takes the time of its operations at the speed of a 3×3 convolution with its gradients, or the time of reading
    its images if that is longer. "least_compute_seconds" is at the highest measured speed.
    """
    if speed is None:
        return {"basis": None, "step_seconds": None, "epoch_seconds": None, "run_seconds": None}
    compute = operations / speed["convolution"]
    streamed = found["pictures_per_second"] and not found["on_device"]
    reading = experiment.batch_size / found["pictures_per_second"] if streamed else None
    step = max(compute, reading or 0.0)
    return {
        "basis": speed,
        "compute_seconds": compute,
        "least_compute_seconds": operations / max(speed.values()),
        "reading_seconds": reading,
        "step_seconds": step,
        "epoch_seconds": step * length.steps_per_epoch,
        "run_seconds": step * length.stop,
    }


def disk_needed(folder: Path, program: Program, found: dict[str, Any]) -> dict[str, Any]:
    """{"checkpoints", "data" (None if missing), "free" (where the run would write)}, in bytes on disk."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    return {
        "checkpoints": CHECKPOINTS * tree_bytes(program.state),
        "data": found["bytes"],
        "free": shutil.disk_usage(existing).free,
    }
