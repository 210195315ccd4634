"""Layers that stand still: to the bit, without gradients, without optimizer state, on any devices."""

import dataclasses
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from step_shapes import compiled_step, state_shapes
from train_steps import fresh_state, train_step

import jaxcnn
from jaxcnn.analysis.memory import tree_bytes
from jaxcnn.analysis.operations import step_operations
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import override
from jaxcnn.models.alexnet import AlexNet
from jaxcnn.models.layers.batch_norm import BatchNorm, frozen_batch_norm
from jaxcnn.models.layers.initializers import Normal
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.schedules import Constant
from jaxcnn.parallel.devices import Devices
from jaxcnn.parallel.mesh import tower_axes
from jaxcnn.training import state as train_state
from jaxcnn.training.curvature import make_refresh_step
from jaxcnn.training.layers import part, without
from jaxcnn.training.program import Program
from jaxcnn.training.steps import make_gradients

pytestmark = pytest.mark.usefixtures("plain_convolutions")

ROWS = 16
ONE = Devices("jit", jax.devices()[:1])


def small_resnet(*settings: str) -> Experiment:
    """Batch norm, crops and mirrors; eight layers on small images."""
    small = ("inputs.size=16", "inputs.stored_size=16", "inputs.mean=100", "model.n=1", f"batch_size={ROWS}")
    experiment = dataclasses.replace(jaxcnn.load("resnet_cifar_2015"), schedule=Constant(0.05))
    return override(experiment, *small, "optimizer.weight_decay=0.1", *settings)


def small_alexnet(*settings: str) -> Experiment:
    """Two towers, dropout and response normalisation, on small images."""
    paper = jaxcnn.load("alexnet_2012")
    model = AlexNet(num_classes=5, features=(8, 8, 8, 8, 8), hidden_units=16, kernel_init=Normal(0.05))
    inputs = dataclasses.replace(paper.inputs, size=67, stored_size=70, mean=100.0)
    small = dataclasses.replace(paper, model=model, inputs=inputs, schedule=Constant(0.05), batch_size=ROWS)
    return override(small, *settings)


def stepped(
    experiment: Experiment, devices: Devices = ONE, steps: int = 2
) -> tuple[train_state.TrainState, train_state.TrainState]:
    """The state before and after a few steps on random images."""
    size = experiment.inputs.training_size
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (ROWS, size, size, 3), dtype=np.uint8)
    batch = devices.shard_batch({"image": images, "label": generator.integers(0, 5, ROWS, dtype=np.int32)})
    first = jax.device_get(fresh_state(experiment, devices))
    state = devices.place(first)
    compiled = devices.compile(train_step(experiment, devices), state, batch)
    for _ in range(steps):
        state, _ = compiled(state, batch)
    return first, jax.device_get(state)


LATE = "train_only=('s3_1', 'fc')"
LATE_LAYERS = {"s3_1.a", "s3_1.a.bn", "s3_1.b", "s3_1.b.bn", "fc"}


@pytest.mark.parametrize(
    "settings",
    [("clip_norm=0.5",), ("accumulate=2",), ("remat=sums",), ("averaging=0.9",)],
    ids=["clip_norm", "accumulate", "remat", "averaging"],
)
def test_frozen_layers_are_the_same_to_the_bit(settings):
    """Parameters, their average and batch statistics; weight decay would show. What is trained, moves."""
    first, last = stepped(small_resnet(LATE, *settings))
    for name in ("params", "batch_stats", *(["average"] if last.average else [])):
        before, after = getattr(first, name), getattr(last, name)
        chex.assert_trees_all_equal(without(before, LATE_LAYERS), without(after, LATE_LAYERS))
        moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), part(before, LATE_LAYERS), part(after, LATE_LAYERS))
        assert min(jax.tree.leaves(moved)) > 0, moved


def test_the_optimizer_holds_nothing_for_them():
    _, state = stepped(small_resnet(LATE), steps=1)
    trained = part(state.params, LATE_LAYERS)
    shapes = sorted(leaf.shape for leaf in jax.tree.leaves(state.opt_state))
    assert shapes == sorted(leaf.shape for leaf in jax.tree.leaves(trained))
    assert tree_bytes(state.opt_state) < tree_bytes(state.params)
    whole = state_shapes(small_resnet())
    assert tree_bytes(whole.opt_state) == tree_bytes(whole.params)


@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_eight_devices_equal_one(mode):
    """Dropout and towers under `jit`; under `pmap`, frozen blocks with batch norm, which no device has its own of."""
    experiment = small_alexnet("train_only=('conv5', 'fc')", "averaging=0.9")
    trained = {"conv5", "fc6", "fc7", "fc8"}
    if mode == "pmap":
        experiment, trained = small_resnet("train_only=('fc',)"), {"fc"}
    first, one = stepped(experiment, steps=2)
    _, eight = stepped(experiment, Devices(mode), steps=2)
    chex.assert_trees_all_close((eight.params, eight.average), (one.params, one.average), atol=1e-5)
    chex.assert_trees_all_equal(without(eight.params, trained), without(first.params, trained))
    chex.assert_trees_all_equal(eight.batch_stats, first.batch_stats)


def test_frozen_statistics_are_exact_over_six_devices():
    """A mean of six equal numbers may be another number; a batch statistic that stands still is no mean."""
    experiment = override(small_resnet("train_only=('fc',)"), "batch_size=12")
    devices = Devices("pmap", jax.devices()[:6])
    state = fresh_state(experiment, devices)
    odd = jax.tree.map(lambda x: x + np.float32(0.1), jax.device_get(state.batch_stats))
    state = devices.replicate(dataclasses.replace(jax.device_get(state), batch_stats=odd))
    batch = devices.shard_batch({"image": np.zeros((12, 24, 24, 3), np.uint8), "label": np.zeros(12, np.int32)})
    state, _ = devices.compile(train_step(experiment, devices), state, batch)(state, batch)
    chex.assert_trees_all_equal(jax.device_get(state.batch_stats), odd)


def test_on_a_mesh_the_towers_own_optimizer_state_is_theirs():
    experiment = small_alexnet("train_only=('fc',)")
    devices = Devices(devices=jax.devices()[:4], model=2, tower_axes=tower_axes(experiment, 2))
    first, last = stepped(experiment, devices)
    _, one = stepped(experiment)
    chex.assert_trees_all_close(last.params, one.params, atol=1e-5)
    chex.assert_trees_all_equal(
        without(last.params, {"fc6", "fc7", "fc8"}), without(first.params, {"fc6", "fc7", "fc8"})
    )
    momentum = [sharding.spec for sharding in jax.tree.leaves(devices.placement(first.opt_state))]
    assert len(momentum) == 6 and sum("model" in spec for spec in momentum) == 5  # all but fc8's bias


def test_the_gradients_are_those_of_the_whole_network():
    """Where nothing before it has batch norm, a trained layer learns what it learns in the whole network."""
    alone, whole = (stepped(small_alexnet(*s), steps=1)[1] for s in (("train_only=('conv4', 'fc8')",), ()))
    layers = {"conv4", "fc8"}
    chex.assert_trees_all_close(part(alone.params, layers), part(whole.params, layers), atol=1e-7, rtol=1e-6)


def test_frozen_batch_norm_is_that_of_the_test():
    """All layers but the classifier frozen: its gradient is that of the features that a test sees."""
    experiment = small_resnet("train_only=('fc',)", "inputs.mirror=False", "inputs.pad=0", "inputs.scale=0.02")
    state = fresh_state(experiment, ONE)
    generator = np.random.default_rng(1)
    stats = jax.tree.map(lambda x: x + generator.uniform(0.1, 0.5, x.shape).astype(np.float32), state.batch_stats)
    state = dataclasses.replace(state, batch_stats=stats)
    images = generator.integers(0, 256, (ROWS, 16, 16, 3), dtype=np.uint8)
    labels = generator.integers(0, 10, ROWS, dtype=np.int32)
    rows = {"image": images, "label": labels, "key": jax.random.split(jax.random.key(0), ROWS)}
    gradients, sums, kept = jax.jit(make_gradients(experiment))(state, jax.random.key(0), rows, state.batch_stats)

    variables = {"params": state.params, "batch_stats": state.batch_stats}
    centred = (images.astype(np.float32) - 100) * experiment.inputs.scale
    logits = np.asarray(experiment.model.apply(variables, jnp.asarray(centred), train=False))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    error = probabilities - np.eye(10, dtype=np.float32)[labels]
    assert gradients.keys() == {"fc"}
    np.testing.assert_allclose(gradients["fc"]["bias"], error.mean(0), atol=1e-5)
    expected = -np.log(probabilities[np.arange(ROWS), labels]).sum()
    np.testing.assert_allclose(sums["loss"], expected, rtol=1e-4)
    chex.assert_trees_all_equal(kept, state.batch_stats)


def test_only_the_named_batch_norms_are_frozen():
    layer = BatchNorm(name="bn")
    inputs = jax.random.normal(jax.random.key(0), (8, 4)) + 3
    variables = layer.init(jax.random.key(0), inputs, train=False)

    def outputs() -> tuple[Any, Any]:
        return layer.apply(variables, inputs, train=True, mutable=["batch_stats"])

    (free, moved), at_test = outputs(), layer.apply(variables, inputs, train=False)
    with frozen_batch_norm({"other"}):
        chex.assert_trees_all_equal(outputs(), (free, moved))
    with frozen_batch_norm({""}):  # used alone, a layer has no name
        frozen, kept = outputs()
    np.testing.assert_array_equal(frozen, at_test)
    chex.assert_trees_all_equal(kept["batch_stats"], variables["batch_stats"])
    chex.assert_trees_all_equal(outputs(), (free, moved))


def test_dropout_goes_on_in_frozen_layers():
    """Two steps from one state with other keys see other units."""
    experiment = small_alexnet("train_only=('fc8',)")
    first, last = stepped(experiment, steps=1)
    other = override(experiment, "model.dropout_rate=0")
    chex.assert_trees_all_equal(first.params, stepped(other, steps=0)[1].params)
    without_dropout = stepped(other, steps=1)[1]
    assert not np.allclose(last.params["fc8"]["kernel"], without_dropout.params["fc8"]["kernel"], atol=1e-7)


@pytest.mark.parametrize(
    ("title", "train_only"),
    [
        ("alexnet_2012", ("fc8",)),
        ("vgg_2014:A", ("fc8",)),
        ("resnet_2015:18", ("fc",)),
        ("googlenet_2014", ("fc", "aux1.classifier", "aux2.classifier")),
    ],
)
def test_two_thirds_of_the_operations_are_saved(title, train_only):
    """Forward, gradients of the weights and of the maps are a third each; only the first of them is left."""
    whole = override(jaxcnn.load(title), "batch_size=4")
    alone = dataclasses.replace(whole, train_only=train_only)
    counted = [operations(experiment) for experiment in (whole, alone)]
    assert 0.32 < counted[1] / counted[0] < 0.37


def test_the_compiled_step_leaves_them_out():
    """As the compiler counts, of the kernels that a run takes; and its temporary values are fewer."""
    programs = [compiled_step(small_alexnet(*settings), ONE) for settings in ((), ("train_only=('fc8',)",))]
    whole, alone = (program.cost_analysis()["flops"] for program in programs)
    assert alone < 0.5 * whole
    memory = [program.memory_analysis().temp_size_in_bytes for program in programs]
    assert memory[1] < memory[0]


def operations(experiment: Experiment) -> int:
    program = Program(experiment, ONE, steps_per_epoch=10, total_steps=10, images=100, on_device=False)
    return step_operations(program)


def test_levenberg_marquardt_estimates_what_it_trains():
    """LeNet-5's optimizer: the curvature of the trained layers alone, equal to theirs of the whole network."""
    paper = jaxcnn.load("lenet5_1998")
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28, 1), dtype=np.uint8)
    found = []
    for experiment in (paper, override(paper, "train_only=('C5', 'F6')")):
        refresh = jax.jit(make_refresh_step(experiment))
        (state,) = refresh(fresh_state(experiment, ONE), {"image": images})
        found.append(state.opt_state[0].curvature)
    whole, alone = found
    assert alone.keys() == {"C5", "F6"}
    chex.assert_trees_all_close(alone, {name: whole[name] for name in alone}, rtol=1e-5)
    assert min(float(leaf.max()) for leaf in jax.tree.leaves(alone)) > 0


def test_nothing_changes_where_all_layers_are_named():
    """The same state, and the same parameters to the bit."""
    every = "train_only=('conv1', 's1_', 's2_', 's3_', 'fc')"
    ours, theirs = (stepped(small_resnet(*settings))[1] for settings in ((every,), ()))
    chex.assert_trees_all_equal(ours, theirs)
    assert isinstance(small_resnet(every).optimizer, Momentum)
