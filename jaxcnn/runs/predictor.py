"""What a network makes of images: they are decoded on threads, ahead of the devices, and answered in their order."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxcnn.config.experiment import Experiment
from jaxcnn.data.loading.images import ImageList, squares
from jaxcnn.errors import UsageError
from jaxcnn.evaluation.classifier import Classifier
from jaxcnn.parallel.devices import Devices
from jaxcnn.reporting.progress import Display
from jaxcnn.training.out_of_memory import MORE, reporting_out_of_memory

Tree = Any
Prediction = dict[str, Any]

ROWS = 32  # images at a time on each device, where the experiment doesn't say how many it evaluates at a time


def check_top(top: int) -> None:
    """Raises UsageError unless `top` is a positive whole number."""
    if not isinstance(top, int) or isinstance(top, bool) or top < 1:
        raise UsageError(f"top (={top!r}) must be a positive whole number: how many classes to name for each image.")


class Predictor:
    """Predicts by an experiment's network and inputs. What it has compiled stays for later calls."""

    def __init__(self, experiment: Experiment, variables: Tree, names: Sequence[str]) -> None:
        """
        Args:
          experiment: as the run resolved it.
          variables: {"params", "batch_stats", "statistics"}.
          names: the readable name of each output.
        """
        self._experiment, self._variables, self._names = experiment, variables, names
        self._classifiers: dict[int, Classifier] = {}

    def __call__(self, images: ImageList, *, top: int, display: Display) -> Iterator[Prediction]:
        """Predictions in the images' order; no more than two batches are in memory at a time.

        Args:
          images: one at least.
          top: how many classes to name for each image; all, if there are fewer.
          display: shows the progress.

        Yields:
          {"image", "top": [{"label", "name", "probability"}]}, or {"image", "error"}.
        """
        inputs, (parts, rows) = self._experiment.inputs, self._layout(len(images))
        classifier, top = self._classifier(parts), min(top, len(self._names))
        shape = (rows, inputs.stored_size, inputs.stored_size, inputs.channels)
        waiting: list[Prediction] | tuple = ()
        with (
            reporting_out_of_memory(f"predicting {rows:,} images at a time", lambda: f"{MORE}."),
            contextlib.closing(squares(images, **inputs.squares)) as decoded,
        ):
            for start in range(0, len(images), rows):
                names = images.names[start : start + rows]
                batch, errors = np.zeros(shape, np.uint8), {}  # a new array: on CPU, JAX may use it in place
                for row, square in enumerate(itertools.islice(decoded, len(names))):
                    if isinstance(square, str):
                        errors[row] = square
                    else:
                        batch[row] = square
                found = classifier(batch, top)
                # While the devices compute, the answers before are given out and the next images are decoded.
                if waiting:
                    yield from self._answers(*waiting)
                    display.advance("predict", start, len(images))
                waiting = names, errors, found
            yield from self._answers(*waiting)
            display.advance("predict", len(images), len(images))

    def _layout(self, images: int) -> tuple[int, int]:
        """Over how many devices a batch is divided, and its rows.

        One batch of images stays on one device, which starts soonest; its rows are a power of two, so that few programs
        are ever compiled. More images use all devices of this process.
        """
        wanted = self._experiment.evaluation_batch_size
        if images <= (wanted or ROWS):
            return 1, min(wanted or ROWS, 2 ** (images - 1).bit_length())
        parts = len(jax.local_devices())
        return parts, -(-min(wanted or ROWS * parts, images) // parts) * parts

    def _classifier(self, parts: int) -> Classifier:
        if parts not in self._classifiers:
            devices = Devices(devices=jax.local_devices()[:parts])
            self._classifiers[parts] = Classifier(self._experiment, self._variables, devices)
        return self._classifiers[parts]

    def _answers(
        self, names: Sequence[str], errors: Mapping[int, str], found: tuple[jax.Array, jax.Array]
    ) -> Iterator[Prediction]:
        """The predictions of a batch, of which some rows have errors instead."""
        probabilities, labels = jax.device_get(found)
        for row, name in enumerate(names):
            if row in errors:
                yield {"image": name, "error": errors[row]}
            elif not np.isfinite(probabilities[row]).all():
                yield {"image": name, "error": "the network's outputs for it aren't finite"}
            else:
                # The shortest decimal number that is this float32: 0.1, not 0.10000000149.
                pairs = zip(labels[row].tolist(), map(str, probabilities[row]), strict=True)
                entries = [{"label": k, "name": self._names[k], "probability": float(p)} for k, p in pairs]
                yield {"image": name, "top": entries}
