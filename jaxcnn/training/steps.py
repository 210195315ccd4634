"""The training and evaluation steps: pure functions of their arguments."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float32, Int, Shaped

from jaxcnn.augmentation.augment import normalise, training_inputs
from jaxcnn.config.experiment import Experiment
from jaxcnn.models.layers.batch_norm import frozen_batch_norm
from jaxcnn.models.sharding.batch_rows import batch_position
from jaxcnn.optim.polyak import update_average
from jaxcnn.training.accumulate import accumulate
from jaxcnn.training.layers import layer_names, merged, part, rate_factors, rates, trained_layers
from jaxcnn.training.metrics import ImageRows, Sums, image_results, sum_metrics
from jaxcnn.training.network import in_precision
from jaxcnn.training.remat import value_and_pull_back
from jaxcnn.training.state import TrainState, variables_of

Tree = Any
# "image": uint8 [batch, stored, stored, channels]; "label": int32 [batch]
Batch = dict[str, Shaped[Array, "batch ..."]]
Rate = Float32[Array, ""]


def convolutional(experiment: Experiment) -> nn.Module:
    """The fully convolutional form of the experiment's model, with the same variables, for larger images.

    A network that ends in global average pooling is fully convolutional already: its classifier is linear, so the
    scores of the average are the average of the scores at each place (ResNet §3.4).
    """
    model = in_precision(experiment)
    form = getattr(model, "over_whole_images", None)
    return model if form is None else form(experiment.inputs.size)


def make_train_step(
    experiment: Experiment,
    *,
    optimizer: optax.GradientTransformationExtraArgs,
    schedule: optax.Schedule,
    axis_name: str | None,
) -> Callable[[TrainState, Batch], tuple[TrainState, Rate]]:
    """The training step: augmentation, forward pass, loss, backward pass, clipping, update.

    Args:
      experiment: the recipe.
      optimizer: its `update` takes `learning_rate=`.
      schedule: step → rate.
      axis_name: the batch's axis under `pmap`; None under `jit`.

    Returns:
      `train_step(state, batch) -> (state, rate)`.
    """
    gradients_of = make_gradients(experiment)
    update = make_update(experiment, optimizer)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Rate]:
        augment_keys, dropout_key = step_keys(state, batch["label"].shape[0])
        rows = {**batch, "key": augment_keys}
        gradients_of_rows = functools.partial(gradients_of, state, dropout_key)
        gradients, sums, batch_stats = accumulate(gradients_of_rows, rows, state.batch_stats, experiment.accumulate)
        batch_stats = part(batch_stats, trained_layers(experiment.train_only, variables_of(state)))
        if axis_name is not None:
            gradients, batch_stats = jax.lax.pmean((gradients, batch_stats), axis_name)
            sums = jax.lax.psum(sums, axis_name)
        if experiment.clip_norm is not None:
            gradients, _ = optax.clip_by_global_norm(experiment.clip_norm).update(gradients, optax.EmptyState())
        rate = jnp.asarray(schedule(state.step), jnp.float32) * state.plateau.scale * state.warmup.get("factor", 1.0)
        state = update(state, gradients, rate)
        state = dataclasses.replace(
            state,
            step=state.step + 1,
            batch_stats=merged(state.batch_stats, batch_stats),
            sums=jax.tree.map(jnp.add, state.sums, sums),
        )
        return state, rate

    return train_step


def make_update(
    experiment: Experiment, optimizer: optax.GradientTransformationExtraArgs
) -> Callable[[TrainState, Tree, Rate], TrainState]:
    """`update(state, gradients of the trained layers, rate)`: the state with other parameters, and their average."""

    def update(state: TrainState, gradients: Tree, rate: Rate) -> TrainState:
        variables = variables_of(state)
        layers = trained_layers(experiment.train_only, variables)
        factors = rate_factors(experiment.rate_multipliers, experiment.train_only, variables)
        trained, each = part(state.params, layers), rates(rate, factors, gradients)
        updates, opt_state = optimizer.update(gradients, state.opt_state, trained, learning_rate=each)
        trained, average = optax.apply_updates(trained, updates), state.average
        if experiment.averaging is not None:
            moved = update_average(part(average, layers), trained, state.step, experiment.averaging)
            average = merged(average, moved)  # of what stands still the average is itself, to the bit
        params = merged(state.params, trained)
        return dataclasses.replace(state, params=params, opt_state=opt_state, average=average)

    return update


def step_keys(state: TrainState, count: int) -> tuple[Shaped[Array, "batch"], Shaped[Array, ""]]:
    """The random keys of the state's next step: one for each row's augmentation, and one for dropout.

    Args:
      state: its seed and step decide.
      count: rows of the batch that this device has; a row's key depends on its place in the whole batch.
    """
    return row_keys(state.seed, state.step, count)


def row_keys(
    seed: Shaped[Array, ""], step: int | Shaped[Array, ""], count: int
) -> tuple[Shaped[Array, "batch"], Shaped[Array, ""]]:
    """The same, of a seed and a number of steps done."""
    first, _ = batch_position(count)
    key = jax.random.fold_in(jax.random.key(seed), step)
    augment_key, dropout_key = (jax.random.fold_in(key, number) for number in range(2))
    examples = jnp.arange(count, dtype=jnp.uint32) + jnp.asarray(first, jnp.uint32)
    return jax.vmap(jax.random.fold_in, (None, 0))(augment_key, examples), dropout_key


def make_gradients(experiment: Experiment) -> Callable[[TrainState, jax.Array, Batch, Tree], tuple[Tree, Sums, Tree]]:
    """Augmentation, forward pass, loss and backward pass; the latter reaches down to the first trained layer.

    Returns:
      `gradients_of(state, dropout_key, rows, batch_stats) -> (mean gradients of the trained layers, sums of the
      metrics, new batch_stats)`, where `rows` are some rows of the batch, each with its "key".
    """
    model = in_precision(experiment)

    def gradients_of(
        state: TrainState, dropout_key: jax.Array, rows: Batch, batch_stats: Tree
    ) -> tuple[Tree, Sums, Tree]:
        images = training_inputs(rows["image"], rows["key"], experiment.inputs, state.statistics)

        variables = variables_of(state)
        layers = trained_layers(experiment.train_only, variables)
        frozen = set(layer_names(variables)) - layers

        def forward(trained: Tree) -> tuple[Any, Tree]:
            with frozen_batch_norm(frozen):
                return model.apply(
                    {"params": merged(state.params, trained), "batch_stats": batch_stats},
                    images,
                    train=True,
                    rngs={"dropout": dropout_key},
                    mutable=["batch_stats"],
                )

        outputs, pull_back, updated = value_and_pull_back(forward, part(state.params, layers), experiment.remat)

        def mean_loss(outputs: Any) -> tuple[Float32[Array, ""], Float32[Array, "batch"]]:
            losses = experiment.loss(outputs, rows["label"])
            return losses.mean(), losses

        cotangents, losses = jax.grad(mean_loss, has_aux=True)(outputs)
        gradients = pull_back(cotangents)
        logits = outputs[0] if isinstance(outputs, tuple) else outputs  # without those of auxiliary heads
        return gradients, sum_metrics(logits, rows["label"], losses, jnp.ones_like(losses)), updated["batch_stats"]

    return gradients_of


def on_resident(step: Callable) -> Callable[[TrainState, jax.Array, Batch], tuple[TrainState, Rate]]:
    """The same step for a data set in the device's memory.

    Args:
      step: `train_step(state, batch)`.

    Returns:
      `step(state, indices, whole)`, where `indices` are the batch's rows of the data set `whole`.
    """

    def resident_step(
        state: TrainState, indices: Int[Array, "batch"], whole: dict[str, Shaped[Array, "images ..."]]
    ) -> tuple[TrainState, Rate]:
        return step(state, {name: rows[indices] for name, rows in whole.items()})

    return resident_step


def make_evaluation_step(
    experiment: Experiment, crops: Callable[[jax.Array, int], list[jax.Array]]
) -> Callable[[Tree, Batch], tuple[Sums, ImageRows]]:
    """The evaluation step, which averages class probabilities over an image's crops (AlexNet §4.1).

    Args:
      experiment: the recipe.
      crops: (images, size) → the crops.

    Returns:
      `evaluation_step({"params", "batch_stats", "statistics"}, batch) -> (sums, what became of each image)`. The batch
      also has "mask", float32 [batch]: 0 for rows that don't count. A probability is the softmax of the network's
      outputs; of LeNet-5's, minus squared distances, as well.
    """
    model = in_precision(experiment)

    def evaluation_step(variables: Tree, batch: Batch) -> tuple[Sums, ImageRows]:
        images = normalise(batch["image"], experiment.inputs, variables["statistics"])
        views = crops(images, experiment.inputs.size)
        network = {"params": variables["params"], "batch_stats": variables["batch_stats"]}
        outputs: list[Any] = [model.apply(network, view, train=False) for view in views]
        losses = jnp.stack([experiment.loss(scores, batch["label"]) for scores in outputs]).mean(axis=0)
        probabilities = jax.nn.softmax(jnp.stack(outputs).astype(jnp.float32)).mean(axis=0)
        # One view is ranked by its scores: different scores can have equal probabilities.
        scores = outputs[0] if len(outputs) == 1 else probabilities
        sums = sum_metrics(scores, batch["label"], losses, batch["mask"])
        return sums, image_results(scores, probabilities, batch["label"])

    return evaluation_step
