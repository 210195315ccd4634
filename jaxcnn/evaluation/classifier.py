"""The most probable classes of images, by the central crop."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.augmentation.augment import normalise
from jaxcnn.config.experiment import Experiment
from jaxcnn.evaluation.crops import center
from jaxcnn.parallel.devices import Devices
from jaxcnn.training.network import in_precision

Tree = Any


class Classifier:
    """Applies a network to stored squares, compiling one program for each shape of a batch."""

    def __init__(self, experiment: Experiment, variables: Tree, devices: Devices) -> None:
        """
        Args:
          experiment: the network and its inputs.
          variables: {"params", "batch_stats", "statistics"}, on any device.
          devices: each batch is divided over them.
        """
        self._experiment, self._devices = experiment, devices
        self._variables = devices.place(variables)
        self._compiled: dict[tuple[int, int], jax.stages.Compiled] = {}

    def __call__(self, images: np.ndarray, top: int) -> tuple[jax.Array, jax.Array]:
        """The best classes of each image, in descending order; of equal scores the first class comes first.

        The result isn't waited for.

        Args:
          images: uint8 [batch, stored_size, stored_size, channels]; the batch divides evenly over the devices, and is
            left alone by the caller from now on.
          top: how many classes, at most all.

        Returns:
          (probabilities float32 [batch, top], labels int32 [batch, top]). The probabilities are the softmax of the
          network's outputs, those that `evaluate` averages; for LeNet-5's outputs, minus squared distances, too.
        """
        batch = self._devices.shard_rows({"image": images})
        shape = (len(images), top)
        if shape not in self._compiled:
            self._compiled[shape] = self._compile(batch, top)
        return self._compiled[shape](self._variables, batch)

    def _compile(self, batch: dict[str, jax.Array], top: int) -> jax.stages.Compiled:
        model, inputs = in_precision(self._experiment), self._experiment.inputs

        def classify(variables: Tree, batch: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
            images = normalise(batch["image"], inputs, variables["statistics"])
            network = {"params": variables["params"], "batch_stats": variables["batch_stats"]}
            outputs = model.apply(network, center(images, inputs.size)[0], train=False)
            assert isinstance(outputs, jax.Array)
            scores = outputs.astype(jnp.float32)
            # By the scores, as `evaluate` ranks: different scores can have equal probabilities.
            _, labels = jax.lax.top_k(scores, top)
            return jnp.take_along_axis(jax.nn.softmax(scores), labels, axis=1), labels

        return self._devices.compile_evaluation(classify, self._variables, batch, rows=True)
