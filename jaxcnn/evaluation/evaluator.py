"""The errors of a network on a split by a test protocol; every image counts exactly once."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.data.loading.in_memory import RESIDENT_PIXELS, evaluation_batches, load_resident
from jaxcnn.data.loading.pipeline import test_batches
from jaxcnn.data.sources import Source
from jaxcnn.errors import UsageError
from jaxcnn.evaluation.image_results import ImageResults
from jaxcnn.evaluation.protocols import PROTOCOLS, StoredSquares
from jaxcnn.evaluation.whole_images import WholeImageEvaluator
from jaxcnn.parallel.devices import Devices
from jaxcnn.training.metrics import ImageRows, divide
from jaxcnn.training.out_of_memory import reporting_evaluation_memory
from jaxcnn.training.steps import make_evaluation_step

Tree = Any
Progress = Callable[[int, int], None]


def evaluation_rows(experiment: Experiment, images: int, batch_parts: int) -> int:
    """The rows of a test batch, which divide over `batch_parts` devices; a mask leaves out those beyond the images."""
    wanted = experiment.evaluation_batch_size or max(experiment.batch_size, 100)
    return -(-min(wanted, images) // batch_parts) * batch_parts


class Evaluator:
    """Evaluates an experiment on a split, compiling each protocol once."""

    def __init__(self, experiment: Experiment, source: Source, devices: Devices) -> None:
        self._experiment, self._source, self._devices = experiment, source, devices
        self._batch_size = evaluation_rows(experiment, len(source), devices.batch_parts)
        self._compiled: dict[str, jax.stages.Compiled] = {}
        self._whole_images = WholeImageEvaluator(experiment, source, devices, batch_size=self._batch_size)
        inputs = experiment.inputs
        self._whole = None
        if inputs.stored_size <= RESIDENT_PIXELS:
            self._whole = load_resident(source, size=inputs.stored_size, channels=inputs.channels, resize=inputs.resize)

    def _batches(self) -> Iterator[dict[str, np.ndarray]]:
        """This process's rows of each batch."""
        if self._whole is not None:
            return map(self._devices.own_rows, evaluation_batches(self._whole, self._batch_size))
        inputs = self._experiment.inputs
        return test_batches(
            self._source,
            size=inputs.stored_size,
            channels=inputs.channels,
            resize=inputs.resize,
            batch_size=self._batch_size,
            shard=self._devices.shard,
        )

    def __call__(self, protocol: str, variables: Tree, *, progress: Progress | None = None) -> dict[str, Any]:
        """Measures the errors by one protocol.

        Args:
          protocol: a name in `protocols.PROTOCOLS` that suits the experiment (see `protocols.check_protocol`).
          variables: {"params", "batch_stats", "statistics"}, placed by `Devices.placement`.
          progress: called with images done and images in total, each image counted once for each scale.

        Returns:
          {"loss", "top1_error", "top5_error", "count"}, errors in percent; with whole images also "scales", the
          shorter sides in pixels.

        Raises:
          UsageError: the split is empty.
          JaxcnnError: there isn't enough memory.
        """
        return self._evaluate(protocol, variables, progress)[0]

    def with_images(
        self, protocol: str, variables: Tree, *, progress: Progress | None = None
    ) -> tuple[dict[str, Any], ImageResults]:
        """The same, and what became of each image. With several processes each has the results of all images."""
        metrics, rows = self._evaluate(protocol, variables, progress)
        return metrics, ImageResults.joined(rows, len(self._source))

    def _evaluate(
        self, protocol: str, variables: Tree, progress: Progress | None
    ) -> tuple[dict[str, Any], list[ImageRows]]:
        """The errors, and what became of each image, batch by batch; the rows needn't have come from the devices."""
        if not len(self._source):
            raise UsageError(f"{self._source.name} has no images in its {self._source.split} split.")
        chosen = PROTOCOLS[protocol]
        whole = not isinstance(chosen, StoredSquares)
        with reporting_evaluation_memory(self._batch_size, self._devices.batch_parts, whole=whole):
            if isinstance(chosen, StoredSquares):
                return self._by_squares(protocol, chosen, variables, progress)
            return self._whole_images(chosen, variables, progress=progress)

    def _by_squares(
        self, protocol: str, chosen: StoredSquares, variables: Tree, progress: Progress | None
    ) -> tuple[dict[str, Any], list[ImageRows]]:
        totals, images = None, []
        for number, batch in enumerate(self._batches(), start=1):
            placed = self._devices.shard_rows(batch)
            if protocol not in self._compiled:
                step = make_evaluation_step(self._experiment, chosen.crops)
                compiled = self._devices.compile_evaluation(step, variables, placed, sums_and_rows=True)
                self._compiled[protocol] = compiled
            # One batch at a time: its images don't wait on the device, and the collectives of several programs can't
            # wait for each other, as those of simulated devices on few cores may.
            jax.block_until_ready(totals)
            sums, rows = self._compiled[protocol](variables, placed)
            images.append(rows)
            totals = sums if totals is None else jax.tree.map(jnp.add, totals, sums)
            if progress is not None:
                progress(min(number * self._batch_size, len(self._source)), len(self._source))
        assert totals is not None, "the split has images"
        return divide(totals), images
