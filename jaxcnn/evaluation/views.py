"""Pure steps over whole images: the class probabilities of each, averaged over its views at one scale."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.augmentation.augment import normalise
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs
from jaxcnn.evaluation.windows import WindowLayout
from jaxcnn.models.layers.masked_apply import masked_apply
from jaxcnn.training.network import in_precision
from jaxcnn.training.steps import convolutional

Tree = Any
Batch = dict[str, jax.Array]  # "image": uint8 [batch, height, width, channels]; "extent": int32 [batch, 2]; "label"
Averages = dict[str, jax.Array]  # "probabilities": float32 [batch, classes], "loss": float32 [batch]; means over views
View = Callable[[Tree, Batch], Averages]


def make_dense_view(experiment: Experiment) -> View:
    """A step that applies the network to the whole image and to its mirror image (VGG §3.2)."""
    model = convolutional(experiment)

    def dense_view(variables: Tree, batch: Batch) -> Averages:
        images, extents = _normalise(batch["image"], experiment.inputs, variables), batch["extent"]

        def scores(mirrored: jax.Array) -> jax.Array:
            view = jnp.where(mirrored, mirror(images, extents[:, 1]), images)
            return masked_apply(model, _network(variables), view, extents)

        # In turn, because both at once would need twice the memory.
        return _average(experiment, jax.lax.map(scores, jnp.array([False, True])), batch["label"])

    return dense_view


def make_windows_view(experiment: Experiment, choose: WindowLayout, scale: int) -> View:
    """A step that applies the network to each window and its mirror image.

    Args:
      experiment: the network and its inputs.
      choose: the windows of a protocol.
      scale: the shorter side of the images, pixels.
    """
    model, size = in_precision(experiment), experiment.inputs.size

    def windows_view(variables: Tree, batch: Batch) -> Averages:
        images = _normalise(batch["image"], experiment.inputs, variables)
        rows, channels = images.shape[0], images.shape[-1]

        def look(corners: jax.Array, side: int) -> jax.Array:
            view = cut(images, corners, side)
            if side != size:
                view = jax.image.resize(view, (rows, size, size, channels), "linear", antialias=True)
            # A window and its mirror image in adjacent rows, so that devices keep their rows.
            pairs = jnp.stack([view, view[:, :, ::-1]], axis=1).reshape(2 * rows, size, size, channels)
            outputs = model.apply(_network(variables), pairs, train=False)
            assert isinstance(outputs, jax.Array)
            return outputs.reshape(rows, 2, -1).swapaxes(0, 1)

        outputs = [
            # In turn, because all windows at once wouldn't fit into memory.
            jax.lax.map(lambda corners, side=side: look(corners, side), corners)
            for corners, side in choose(batch["extent"], size, scale)
        ]
        flat = [part.reshape(-1, *part.shape[2:]) for part in outputs]
        return _average(experiment, jnp.concatenate(flat), batch["label"])

    return windows_view


def _normalise(images: jax.Array, inputs: Inputs, variables: Tree) -> jax.Array:
    """Normalises as in training, but without padding. A mean image, which fits only the square, becomes its mean."""
    statistics = {}
    if inputs.mean == "picture":
        statistics["mean"] = variables["statistics"]["mean"].mean(axis=(0, 1), keepdims=True)
    return normalise(images, dataclasses.replace(inputs, pad=0), statistics)


def _network(variables: Tree) -> Tree:
    return {"params": variables["params"], "batch_stats": variables["batch_stats"]}


def _average(experiment: Experiment, outputs: jax.Array, labels: jax.Array) -> Averages:
    """Averages over the views; outputs: float32 [views, batch, classes]."""
    losses = jax.vmap(experiment.loss, (0, None))(outputs, labels)
    return {"probabilities": jax.nn.softmax(outputs).mean(axis=0), "loss": losses.mean(axis=0)}


def cut(images: jax.Array, corners: jax.Array, side: int) -> jax.Array:
    """Cuts a square out of each image.

    Args:
      images: [batch, height, width, channels].
      corners: int32 [batch, 2], top and left in pixels.
      side: of the squares, pixels.

    Returns:
      [batch, side, side, channels].
    """

    def one(image: jax.Array, corner: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), (side, side, image.shape[-1]))

    return jax.vmap(one)(images, corners)


def mirror(images: jax.Array, widths: jax.Array) -> jax.Array:
    """Mirrors each image within its own width, int32 [batch]; columns to the right of that are unchanged."""
    columns = jnp.arange(images.shape[2], dtype=jnp.int32)[None, :]
    sources = jnp.where(columns < widths[:, None], widths[:, None] - 1 - columns, columns)
    return jnp.take_along_axis(images, sources[:, None, :, None], axis=2)
