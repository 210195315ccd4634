"""The pure steps over whole images: class probabilities of each, averaged over its views at one scale."""

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
Seen = dict[str, jax.Array]  # "probabilities": float32 [batch, classes], "loss": float32 [batch]; means over views
View = Callable[[Tree, Batch], Seen]


def make_dense_view(experiment: Experiment) -> View:
    """The network over the whole image and over its mirror image (VGG §3.2)."""
    model = convolutional(experiment)

    def dense_view(variables: Tree, batch: Batch) -> Seen:
        images, extents = _normalise(batch["image"], experiment.inputs, variables), batch["extent"]

        def scores(mirrored: jax.Array) -> jax.Array:
            seen = jnp.where(mirrored, mirror(images, extents[:, 1]), images)
            return masked_apply(model, _network(variables), seen, extents)

        # One after the other: twice as many images at once would take twice the memory.
        return _average(experiment, jax.lax.map(scores, jnp.array([False, True])), batch["label"])

    return dense_view


def make_windows_view(experiment: Experiment, choose: WindowLayout, scale: int) -> View:
    """The network at each window and at its mirror image. scale: the images' shorter side."""
    model, size = in_precision(experiment), experiment.inputs.size

    def windows_view(variables: Tree, batch: Batch) -> Seen:
        images = _normalise(batch["image"], experiment.inputs, variables)
        rows, channels = images.shape[0], images.shape[-1]

        def look(corners: jax.Array, side: int) -> jax.Array:
            seen = cut(images, corners, side)
            if side != size:
                seen = jax.image.resize(seen, (rows, size, size, channels), "linear", antialias=True)
            # Side by side, not one batch behind the other, so that devices keep their rows.
            pairs = jnp.stack([seen, seen[:, :, ::-1]], axis=1).reshape(2 * rows, size, size, channels)
            outputs = model.apply(_network(variables), pairs, train=False)
            assert isinstance(outputs, jax.Array)
            return outputs.reshape(rows, 2, -1).swapaxes(0, 1)

        outputs = [
            # One window after the other: all at once wouldn't fit into memory.
            jax.lax.map(lambda corners, side=side: look(corners, side), corners)
            for corners, side in choose(batch["extent"], size, scale)
        ]
        flat = [part.reshape(-1, *part.shape[2:]) for part in outputs]
        return _average(experiment, jnp.concatenate(flat), batch["label"])

    return windows_view


def _normalise(images: jax.Array, inputs: Inputs, variables: Tree) -> jax.Array:
    """As training does it, without its padding. A mean image fits the square alone: here it is its channels' mean."""
    statistics = {}
    if inputs.mean == "picture":
        statistics["mean"] = variables["statistics"]["mean"].mean(axis=(0, 1), keepdims=True)
    return normalise(images, dataclasses.replace(inputs, pad=0), statistics)


def _network(variables: Tree) -> Tree:
    return {"params": variables["params"], "batch_stats": variables["batch_stats"]}


def _average(experiment: Experiment, outputs: jax.Array, labels: jax.Array) -> Seen:
    """outputs: float32 [views, batch, classes]."""
    losses = jax.vmap(experiment.loss, (0, None))(outputs, labels)
    return {"probabilities": jax.nn.softmax(outputs).mean(axis=0), "loss": losses.mean(axis=0)}


def cut(images: jax.Array, corners: jax.Array, side: int) -> jax.Array:
    """A square of each image. corners: int32 [batch, 2], top and left; result: [batch, side, side, channels]."""

    def one(image: jax.Array, corner: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), (side, side, image.shape[-1]))

    return jax.vmap(one)(images, corners)


def mirror(images: jax.Array, widths: jax.Array) -> jax.Array:
    """Each image mirrored within its own width, int32 [batch]; what lies to the right of it stays."""
    columns = jnp.arange(images.shape[2], dtype=jnp.int32)[None, :]
    sources = jnp.where(columns < widths[:, None], widths[:, None] - 1 - columns, columns)
    return jnp.take_along_axis(images, sources[:, None, :, None], axis=2)
