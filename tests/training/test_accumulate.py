"""A batch in several micro-batches is the same batch: gradients, randomness, metrics; in less memory."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from step_shapes import compiled_step

import jaxcnn
from jaxcnn.analysis.collectives import collectives
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import override
from jaxcnn.errors import UsageError
from jaxcnn.models.alexnet import AlexNet
from jaxcnn.models.googlenet import GoogLeNet
from jaxcnn.models.layers.core import Dropout
from jaxcnn.models.layers.initializers import Normal
from jaxcnn.models.sharding.batch_rows import micro_batch
from jaxcnn.optim.schedules import Constant
from jaxcnn.parallel.devices import Devices
from jaxcnn.training import accumulate
from jaxcnn.training import state as train_state
from jaxcnn.training.steps import make_train_step

pytestmark = pytest.mark.usefixtures("plain_convolutions")

ROWS = 16


def narrow_alexnet(**changes) -> Experiment:
    """Dropout, crops, mirrors, colour and a mean picture; on small pictures."""
    paper = jaxcnn.load("alexnet_2012")
    model = AlexNet(num_classes=5, features=(8, 8, 8, 8, 8), hidden_units=16, kernel_init=Normal(0.05))
    inputs = dataclasses.replace(paper.inputs, size=67, stored_size=70)
    return dataclasses.replace(paper, model=model, inputs=inputs, schedule=Constant(0.05), batch_size=ROWS, **changes)


def stepped(experiment: Experiment, devices: Devices, steps: int = 2) -> train_state.TrainState:
    """The state after a few steps on random pictures."""
    optimizer = experiment.optimizer.transformation()
    statistics = train_state.zero_statistics(experiment.inputs)
    create = jax.jit(lambda: train_state.create_for(experiment, optimizer, seed=3, statistics=statistics))
    with jax.default_prng_impl("unsafe_rbg"):  # compiles quickly
        state = devices.replicate(jax.device_get(create()))
    size, channels = experiment.inputs.training_size, experiment.inputs.channels
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (ROWS, size, size, channels), dtype=np.uint8)
    labels = generator.integers(0, 5, ROWS, dtype=np.int32)
    batch = devices.shard_batch({"image": images, "label": labels})
    step = make_train_step(experiment, optimizer=optimizer, schedule=lambda _: 0.05, axis_name=devices.axis_name)
    compiled = devices.compile(step, state, batch)
    for _ in range(steps):
        state, _ = compiled(state, batch)
    return state


@pytest.fixture(scope="module")
def at_once() -> train_state.TrainState:
    return stepped(narrow_alexnet(), Devices("jit", jax.devices()[:1]))


@pytest.mark.parametrize(("mode", "devices", "count"), [("jit", 1, 4), ("jit", 8, 2), ("pmap", 8, 2)])
def test_micro_batches_equal_the_batch(at_once, mode, devices, count):
    state = stepped(narrow_alexnet(accumulate=count), Devices(mode, jax.devices()[:devices]))
    chex.assert_trees_all_close(jax.device_get(state.params), jax.device_get(at_once.params), atol=1e-5)
    chex.assert_trees_all_close(jax.device_get(state.sums), jax.device_get(at_once.sums), rtol=1e-5)
    assert float(state.sums["count"]) == 2 * ROWS


def test_the_loop_of_other_platforms_equals_what_runs_on_cpu(at_once, monkeypatch):
    monkeypatch.setattr(accumulate, "one_after_another", accumulate.in_a_loop)
    state = stepped(narrow_alexnet(accumulate=4), Devices("jit", jax.devices()[:1]))
    chex.assert_trees_all_close(jax.device_get(state.params), jax.device_get(at_once.params), atol=1e-5)


@pytest.mark.parametrize("index", [0, 2])
def test_dropout_has_the_mask_of_the_whole_batch(index):
    """Rows 2, 6, 10 of twelve get the mask that they have in the batch of twelve."""
    inputs, layer, keys = jnp.ones((12, 50)), Dropout(0.5), {"dropout": jax.random.key(1)}
    whole = layer.apply({}, inputs, train=True, rngs=keys)
    with micro_batch(index, 4):
        part = layer.apply({}, inputs[:3], train=True, rngs=keys)
    np.testing.assert_array_equal(part, np.asarray(whole)[index::4])
    assert 0.2 < float((part == 0).mean()) < 0.8


@pytest.mark.slow
def test_auxiliary_heads_and_an_average(monkeypatch):
    paper = override(jaxcnn.load("googlenet_2014"), "inputs.size=80", "inputs.stored_size=80", "inputs.crop=None")
    small = dataclasses.replace(paper, model=GoogLeNet(num_classes=5), batch_size=ROWS)
    one = Devices("jit", jax.devices()[:1])
    whole, parts = (stepped(dataclasses.replace(small, accumulate=count), one, steps=1) for count in (1, 2))
    for name in ("params", "average", "sums"):
        ours, theirs = jax.device_get((getattr(parts, name), getattr(whole, name)))
        chex.assert_trees_all_close(ours, theirs, atol=2e-5, rtol=1e-5)


def test_batch_statistics_are_the_micro_batches_whatever_the_devices():
    """Row r is in micro-batch r mod n on any number of devices, so one device and eight see the same statistics."""
    small = override(
        jaxcnn.load("resnet_cifar_2015"), "inputs.size=16", "inputs.stored_size=16", "model.n=1", f"batch_size={ROWS}"
    )
    one = Devices("jit", jax.devices()[:1])
    whole = stepped(small, one, steps=1)
    alone, shared = (stepped(override(small, "accumulate=2"), devices, steps=1) for devices in (one, Devices("jit")))
    ours, theirs, once = (jax.device_get(state.batch_stats) for state in (shared, alone, whole))
    chex.assert_trees_all_close(ours, theirs, rtol=1e-4, atol=1e-5)
    first, large = (tree["conv1.bn"]["var"] for tree in (ours, once))
    assert not np.allclose(first, large, rtol=1e-2), "two small steps of the running average aren't one large one"


def test_no_row_moves_between_devices():
    program = compiled_step(narrow_alexnet(accumulate=2), Devices("jit")).as_text()
    assert collectives(program).keys() == {"all-reduce"}


def test_micro_batches_must_come_out_even():
    with pytest.raises(
        UsageError, match=r"batch_size \(=16\) must divide evenly over 8 devices × accumulate \(=3\); use 24\."
    ):
        Devices("jit").check_batch_size(16, accumulate=3)
    with pytest.raises(UsageError, match=r"accumulate \(=0\) must be positive"):
        override(jaxcnn.load("lenet5_1998"), "accumulate=0")
