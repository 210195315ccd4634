"""The errors of a network by protocols that evaluate whole images at one or more scales."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.stages import Compiled

from jaxcnn.config.experiment import Experiment
from jaxcnn.data.loading.in_memory import evaluation_batches
from jaxcnn.data.loading.whole_images import whole_batches
from jaxcnn.data.sources import Source
from jaxcnn.evaluation.protocols import WholeImages
from jaxcnn.evaluation.views import View, make_dense_view, make_windows_view
from jaxcnn.parallel.devices import Devices
from jaxcnn.training.metrics import ImageRows, Sums, divide, image_results, sum_metrics

Tree = Any
Rows = dict[str, np.ndarray]  # arrays with one row for each image
Progress = Callable[[int, int], None]

BATCHES_AHEAD = 1  # batches in progress on the devices while the host waits for one


class WholeImageEvaluator:
    """Evaluates an experiment on a split, compiling once for each shape of canvas.

    The class probabilities of the whole split, float32 [images, classes], stay in host memory. With several processes,
    each decodes and evaluates its rows of every batch. A batch has at most as many pixels as `batch_size` inputs of
    the network, but at least one image for each device.
    """

    def __init__(self, experiment: Experiment, source: Source, devices: Devices, *, batch_size: int) -> None:
        self._experiment, self._source, self._devices = experiment, source, devices
        self._batch_size = batch_size  # a multiple of the devices
        self._compiled: dict[Any, Compiled] = {}

    def __call__(
        self, protocol: WholeImages, variables: Tree, *, progress: Progress | None = None
    ) -> tuple[dict[str, Any], list[ImageRows]]:
        """Measures the errors by one protocol; arguments as for `Evaluator`.

        Returns:
          {"loss", "top1_error", "top5_error", "count", "scales"}, errors in percent; and what became of each image,
          batch by batch.
        """
        rows = self.predict(protocol, variables, progress=progress)
        sums, images = self._results(rows)
        return {**divide(sums), "scales": list(protocol.scales(self._experiment.scales))}, images

    def predict(self, protocol: WholeImages, variables: Tree, *, progress: Progress | None = None) -> Rows:
        """The predictions for each image: {"probabilities": float32 [images, classes], "loss", "label"}."""
        scales, total = protocol.scales(self._experiment.scales), len(self._source)
        rows: Rows = {"label": np.zeros(total, np.int32), "loss": np.zeros(total, np.float32)}
        done = 0
        for scale in scales:
            for found in self._predict_at(protocol, scale, variables):
                places = found.pop("index")
                rows["label"][places] = found.pop("label")
                for name, values in found.items():
                    whole = rows.setdefault(name, np.zeros((total, *values.shape[1:]), np.float32))
                    whole[places] += values / np.float32(len(scales))
                done += len(places)
                if progress is not None:
                    progress(done, total * len(scales))
        return rows

    def _predict_at(self, protocol: WholeImages, scale: int, variables: Tree) -> Iterator[Rows]:
        """The predictions at one scale, batch by batch, without padding rows."""
        inputs = self._experiment.inputs
        ahead: deque[tuple[np.ndarray, dict[str, Any]]] = deque()
        shard = self._devices.shard
        for batch in whole_batches(self._source, scale=scale, channels=inputs.channels, rows=self._rows, shard=shard):
            index, label = batch.pop("index"), batch.pop("label")
            placed = self._devices.shard_rows({**batch, "label": self._devices.own_rows(label)})
            view = self._view(protocol, scale, variables, placed)
            ahead.append((index, {**view(variables, placed), "label": label}))
            if len(ahead) > BATCHES_AHEAD:
                yield _real(*ahead.popleft())
        while ahead:
            yield _real(*ahead.popleft())

    def _rows(self, height: int, width: int) -> int:
        """The number of images in a batch of this canvas, a multiple of the number of devices."""
        count = self._devices.batch_parts
        pixels = self._batch_size * self._experiment.inputs.size**2
        return min(max(pixels // (height * width) // count, 1) * count, self._batch_size)

    def _view(self, protocol: WholeImages, scale: int, variables: Tree, placed: Tree) -> Compiled:
        key = (protocol.windows, scale if protocol.windows else None, placed["image"].shape)
        if key not in self._compiled:
            step: View = make_dense_view(self._experiment)
            if protocol.windows is not None:
                step = make_windows_view(self._experiment, protocol.windows, scale)
            self._compiled[key] = self._devices.compile_evaluation(step, variables, placed, rows=True)
        return self._compiled[key]

    def _results(self, rows: Rows) -> tuple[dict[str, Any], list[ImageRows]]:
        """The whole split's sums and images' results, by the same functions as every other evaluation."""

        def step(variables: Tree, batch: Tree) -> tuple[Sums, ImageRows]:
            del variables
            probabilities, label = batch["probabilities"], batch["label"]
            sums = sum_metrics(probabilities, label, batch["loss"], batch["mask"])
            return sums, image_results(probabilities, probabilities, label)

        totals: dict[str, Any] | None = None
        images = []
        for batch in evaluation_batches(rows, self._batch_size):
            placed = self._devices.shard_rows(self._devices.own_rows(batch))
            if "sums" not in self._compiled:
                self._compiled["sums"] = self._devices.compile_evaluation(step, {}, placed, sums_and_rows=True)
            sums, found = jax.device_get(self._compiled["sums"]({}, placed))
            images.append(found)
            totals = sums if totals is None else jax.tree.map(np.add, totals, sums)
        assert totals is not None, "the split has images"
        return totals, images


def _real(index: np.ndarray, rows: dict[str, Any]) -> Rows:
    """The rows that aren't padding."""
    real = index >= 0
    return {"index": index[real], **{name: values[real] for name, values in jax.device_get(rows).items()}}
