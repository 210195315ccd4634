"""The memory that a run needs, computed from its compiled step."""

from typing import Any

import jax
import numpy as np

import jaxcnn.evaluation.evaluator
import jaxcnn.reporting.record
import jaxcnn.runs.checkpoints  # noqa: F401  (these three are what a run imports: their memory counts)
from jaxcnn.config.experiment import Experiment
from jaxcnn.data.loading.in_memory import RESIDENT_PIXELS
from jaxcnn.data.loading.pipeline import default_threads
from jaxcnn.errors import JaxcnnError
from jaxcnn.training.feed import BATCHES_AHEAD
from jaxcnn.training.program import Program

Tree = Any


def tree_bytes(tree: Tree) -> int:
    """Bytes of all arrays (or their shapes) in a tree."""
    return sum(int(np.prod(leaf.shape)) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def memory_plan(compiled: jax.stages.Compiled) -> Any:
    """The compiler's memory plan. Raises JaxcnnError if the platform's compiler doesn't provide it."""
    plan = compiled.memory_analysis()
    if plan is None:
        raise JaxcnnError("This platform's compiler doesn't say how much memory a program needs.")
    return plan


def device_bytes(compiled: jax.stages.Compiled, program: Program) -> dict[str, Any]:
    """Bytes on one device, as the compiler plans them.

    Returns:
      {"parameters", "optimizer_state", "other_state", "resident_data", "batch", "activations" (all temporary values of
      the step, gradients included), "program" (its machine code), "peak" (of all that while a step runs)}.
    """
    state = program.state_of_a_device()
    plan = memory_plan(compiled)
    parameters, optimizer = tree_bytes(state.params), tree_bytes(state.opt_state)
    resident = tree_bytes(program.resident())
    results = plan.output_size_in_bytes - plan.alias_size_in_bytes  # what isn't written over the old state
    return {
        "parameters": parameters,
        "optimizer_state": optimizer,
        "other_state": tree_bytes(state) - parameters - optimizer,
        "resident_data": resident,
        "batch": plan.argument_size_in_bytes - tree_bytes(state) - resident,
        "activations": plan.temp_size_in_bytes,
        "program": plan.generated_code_size_in_bytes,
        "peak": plan.argument_size_in_bytes + results + plan.temp_size_in_bytes + plan.generated_code_size_in_bytes,
    }


def process_bytes(
    memory: dict[str, Any], experiment: Experiment, found: dict[str, Any], *, peak: int, evaluation: int
) -> dict[str, int]:
    """Main memory in bytes that the process of a run needs on CPU, where device memory is part of it.

    Args:
      memory: from `device_bytes`.
      experiment: the experiment.
      found: from `check_data`.
      peak: the peak memory of this process, after the imports and the compilation of a run.
      evaluation: bytes of temporary values of a test batch.

    Returns:
      {"start" (the peak given), "state" (and a copy that is on its way to the disk), "host_data" (images that wait
      in main memory, or the whole data set), "device_data", "activations" (of a train step, or of a test batch if
      those are more), "peak" (their sum)}.
    """
    inputs, rows = experiment.inputs, experiment.batch_size
    image = inputs.training_size**2 * inputs.channels
    test_image = inputs.stored_size**2 * inputs.channels
    waiting = found["train_pictures"] if found["on_device"] else (default_threads() + 1) * rows
    host = waiting * image
    if inputs.stored_size <= RESIDENT_PIXELS:
        host += found["test_pictures"] * test_image
    parts = {
        "start": peak,
        "state": 2 * (memory["parameters"] + memory["optimizer_state"] + memory["other_state"]),
        "host_data": host,
        "device_data": memory["resident_data"] + (BATCHES_AHEAD + 1) * memory["batch"],
        "activations": max(memory["activations"], evaluation),
    }
    return parts | {"peak": sum(parts.values())}
