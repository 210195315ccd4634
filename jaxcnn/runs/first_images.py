"""Images for TensorBoard at the start of a run: its first filters, and its first batch as the network sees it.

A wrong augmentation or a wrong normalisation is seen at once, before hours are spent on it.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxcnn.augmentation.augment import training_inputs
from jaxcnn.config.experiment import Experiment
from jaxcnn.errors import first_line
from jaxcnn.parallel.compilation import compile_step
from jaxcnn.reporting.charts.small_images import stretched_grid
from jaxcnn.reporting.record import Record
from jaxcnn.runs.kept_evaluation import first_filters
from jaxcnn.training.feed import Feed
from jaxcnn.training.state import TrainState
from jaxcnn.training.steps import row_keys

SHOWN = 16  # images, at most


def log_first_images(
    record: Record, experiment: Experiment, feed: Feed, state: TrainState, say: Callable[[str], Any]
) -> None:
    """Writes both; where that fails, says so, as the run is none the worse for it."""
    if not record.writes:
        return
    try:
        found = first_filters(experiment, state.params)
        if found is not None:
            record.image(0, "first_layer/filters", stretched_grid(found[1]))
        seen = first_inputs(experiment, feed, state)
        if seen.shape[-1] in (1, 3):
            record.image(0, "first_batch/augmented", stretched_grid(seen.transpose(1, 2, 3, 0)))
    except Exception as error:
        say(f"note: TensorBoard has no images of the start: {first_line(error)}")


def first_inputs(experiment: Experiment, feed: Feed, state: TrainState) -> np.ndarray:
    """The first images of the first step's batch with the random changes that the step makes.

    Returns:
      float32 [images, size, size, channels], colours in the order red, green, blue.
    """
    images, inputs = feed.first_images(SHOWN), experiment.inputs
    seed, statistics = jax.device_get((state.seed, state.statistics))

    def augment(images: jax.Array, seed: jax.Array, statistics: Any) -> jax.Array:
        return training_inputs(images, row_keys(seed, 0, len(images))[0], inputs, statistics)

    device = jax.local_devices()[0]
    arguments = jax.device_put((images, seed, statistics), device)
    compiled = compile_step(jax.jit(augment).lower(*arguments), device.platform, runs_once=True)
    seen = np.asarray(jax.device_get(compiled(*arguments)), np.float32)
    return seen[..., ::-1] if inputs.channel_order == "BGR" else seen
