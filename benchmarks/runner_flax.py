"""Plain Flax, nothing of ours: Linen's layers, optax and `jax.jit` with their defaults."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from benchmarks.flax_layers import PlainNetwork
from benchmarks.timing import Clock, Runner
from benchmarks.workload import BATCHES, Workload, draw, normalised

entropy = optax.softmax_cross_entropy_with_integer_labels


def plain_flax(task: Workload, job: str, clock: Clock) -> Runner:
    """From float32 pictures that are on the device; the state is donated."""
    model, device = PlainNetwork(task.network, task.drop), jax.devices()[0]
    variables = jax.device_put(_drawn(model, task), device)
    batches = [jax.device_put((normalised(each["image"]), each["label"]), device) for each in task.batches(job)]
    if job != "train":
        return _evaluation(task, job, clock, model, variables, batches)
    optimizer = _optimizer(task)
    step = partial(_train_step, task, model, optimizer)
    state: Any = (
        variables["params"],
        variables.get("batch_stats", {}),
        optimizer.init(variables["params"]),
        jax.random.key(0),
    )
    began = clock()
    compiled = jax.jit(step, donate_argnums=0).lower(state, batches[0]).compile()
    seconds = clock() - began

    def run(number: int) -> Any:
        nonlocal state
        state, loss = jax.block_until_ready(compiled(state, batches[number % BATCHES]))
        return loss

    return Runner(seconds, run, lambda number: float(run(number)))


def _train_step(task: Workload, model: PlainNetwork, optimizer: Any, state: Any, batch: Any) -> Any:
    params, stats, slots, key = state
    images, labels = batch
    key, dropout = jax.random.split(key)

    def loss_of(params: Any) -> Any:
        variables, rngs = {"params": params, "batch_stats": stats}, {"dropout": dropout}
        outputs, updated = model.apply(variables, images, train=True, rngs=rngs, mutable=["batch_stats"])
        logits, heads = outputs if isinstance(outputs, tuple) else (outputs, ())
        loss = entropy(logits, labels).mean()
        for head in heads:
            loss = loss + task.aux_weight * entropy(head, labels).mean()
        return loss, updated.get("batch_stats", {})

    (loss, stats), gradients = jax.value_and_grad(loss_of, has_aux=True)(params)
    updates, slots = optimizer.update(gradients, slots, params)
    return (optax.apply_updates(params, updates), stats, slots, key), loss


def _drawn(model: PlainNetwork, task: Workload) -> Any:
    """The variables with the values that everybody has."""
    images = jax.ShapeDtypeStruct((1, task.size, task.size, task.channels), jnp.float32)
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
    shapes = jax.eval_shape(lambda x: model.init(keys, x, train=True), images)
    return jax.tree.map_with_path(lambda path, leaf: draw(tuple(key.key for key in path), leaf.shape), shapes)


def _optimizer(task: Workload) -> optax.GradientTransformation:
    """The recipe's momentum in optax's words."""

    def kernels(params: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf.ndim > 1, params)

    decay = optax.add_decayed_weights(task.weight_decay, None if task.decay_biases else kernels)
    sgd = partial(optax.sgd, momentum=task.momentum)
    if task.bias_rate == 1.0:
        return optax.chain(decay, sgd(task.rate))
    return optax.chain(
        decay, optax.multi_transform({True: sgd(task.rate), False: sgd(task.rate * task.bias_rate)}, kernels)
    )


def _views(images: jax.Array, size: int) -> list[jax.Array]:
    """Four corners, the centre and their mirror images."""
    bottom, right = images.shape[1] - size, images.shape[2] - size
    corners = [(y, x) for y in (0, bottom) for x in (0, right)] + [(bottom // 2, right // 2)]
    crops = [images[:, y : y + size, x : x + size] for y, x in corners]
    return crops + [crop[:, :, ::-1] for crop in crops]


def _evaluation(
    task: Workload, job: str, clock: Clock, model: PlainNetwork, variables: Any, batches: list[Any]
) -> Runner:
    def step(variables: Any, batch: Any) -> Any:
        images, labels = batch
        views = _views(images, task.size) if job == "ten_crop" else [images]
        scores: list[Any] = [model.apply(variables, view, train=False) for view in views]
        loss = jnp.stack([entropy(each, labels).mean() for each in scores]).mean()
        return (scores[0] if len(scores) == 1 else jax.nn.softmax(jnp.stack(scores)).mean(0)), loss

    began = clock()
    compiled = jax.jit(step).lower(variables, batches[0]).compile()
    seconds = clock() - began

    def run(number: int) -> Any:
        return jax.block_until_ready(compiled(variables, batches[number % BATCHES]))

    return Runner(seconds, run, lambda number: float(run(number)[1]))
