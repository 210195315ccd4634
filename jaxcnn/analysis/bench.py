"""The speed of a train step on random input, of a data set's pipeline, and of both together."""

import functools
import statistics
import time
from typing import Any

import jax
import numpy as np
from jax.stages import Compiled

from jaxcnn.analysis.bench_data import bench_data
from jaxcnn.analysis.collectives import count_collectives
from jaxcnn.analysis.operations import step_operations
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import set_path
from jaxcnn.data.any_source import open_any
from jaxcnn.data.naming import Name, canonical
from jaxcnn.parallel.compilation import check_compiling
from jaxcnn.parallel.devices import Mode
from jaxcnn.runs.length import Length
from jaxcnn.runs.plan import check_arguments, lay_out
from jaxcnn.training.out_of_memory import telling_out_of_memory
from jaxcnn.training.program import Program
from jaxcnn.training.state import TrainState

WARM_UP = 2


@telling_out_of_memory
def bench(
    experiment: Experiment,
    *,
    steps: int = 20,
    parallel: Mode = "jit",
    mesh: str | None = None,
    data: Name | None = None,
    data_dir: str | None = None,
) -> dict[str, Any]:
    """Times single train steps with the experiment's batch, after compilation and two warm-up steps.

    Args:
      experiment: the experiment.
      steps: the number of steps to time.
      parallel, mesh: the layout of the devices, as for `fit`.
      data, data_dir: a prepared data set whose pipeline is measured too, alone and together with the step.

    Returns:
      {"experiment", "device_kind", "device_count", "batch_size", "precision", "compile_seconds", "step_ms_min",
      "step_ms_median", "images_per_second" (of the median), "flops_per_step" (a device; as `--dry-run` counts),
      "peak_bytes" (a device, from the compiled program), "collectives"}; and "data" with what `bench_data` gives, if
      there is a data set.

    Raises:
      UsageError: the batch doesn't divide over the devices, the network not over the mesh, or the network has too
        few outputs for the data.
      DataMissingError: the data set isn't prepared.
      JaxcnnError: there isn't enough memory.
    """
    check_arguments(experiment, steps=steps, parallel=parallel)
    check_compiling()
    source = None
    if data is not None:
        source = open_any(canonical(data), "train", data_dir=data_dir)
        if getattr(experiment.model, "num_classes", 0) < source.num_classes:
            experiment = set_path(experiment, "model.num_classes", source.num_classes)
    devices = lay_out(experiment, parallel=parallel, mesh=mesh)
    rows = experiment.batch_size
    length = Length.of(experiment, 100 * rows)
    program_of = functools.partial(
        Program, experiment, devices, steps_per_epoch=length.steps_per_epoch, total_steps=length.planned
    )
    program = program_of(images=rows, on_device=False)
    placed = devices.shard_batch(random_batch(experiment, program))
    state = program.lower_creation()()(np.uint32(0), program.zero_statistics)

    began = time.perf_counter()
    compiled = program.compile_step()
    compile_seconds = time.perf_counter() - began
    state, times = time_steps(compiled, state, placed, steps)
    median = statistics.median(times)
    measured = {}
    if source is not None:
        measured["data"] = bench_data(experiment, source, devices, program_of, state, steps=steps, step_ms=median)
    return {
        "experiment": experiment.id,
        "device_kind": devices.devices[0].device_kind,
        "device_count": len(devices.devices),
        "batch_size": rows,
        "precision": experiment.precision,
        "compile_seconds": compile_seconds,
        "step_ms_min": min(times),
        "step_ms_median": median,
        "images_per_second": 1000 * rows / median,
        "flops_per_step": step_operations(program) // len(devices.devices),
        "peak_bytes": peak_bytes(compiled),
        "collectives": count_collectives(compiled),
        **measured,
    }


def random_batch(experiment: Experiment, program: Program) -> dict[str, np.ndarray]:
    """A batch of random images and labels, the same in every process."""
    generator, classes = np.random.default_rng(0), getattr(experiment.model, "num_classes", 10)
    shapes = program.examples(experiment.batch_size)
    return {
        "image": generator.integers(0, 256, shapes["image"].shape, dtype=np.uint8),
        "label": generator.integers(0, classes, shapes["label"].shape, dtype=np.int32),
    }


def time_steps(compiled: Compiled, state: TrainState, batch: Any, steps: int) -> tuple[TrainState, list[float]]:
    """The last state, and the milliseconds of so many steps after the warm-up."""
    times = []
    for _ in range(WARM_UP + steps):
        began = time.perf_counter()
        state, _ = jax.block_until_ready(compiled(state, batch))
        times.append(1000 * (time.perf_counter() - began))
    return state, times[WARM_UP:]


def peak_bytes(compiled: jax.stages.Compiled) -> int | None:
    """Bytes that one call needs on a device: arguments, results outside donated arguments, and temporary values."""
    memory = compiled.memory_analysis()
    if memory is None:
        return None
    results = memory.output_size_in_bytes - memory.alias_size_in_bytes
    return memory.argument_size_in_bytes + results + memory.temp_size_in_bytes
