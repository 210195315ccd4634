"""One device, eight devices, `jit` and `pmap`: the same run; and one step against the equations written out."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from train_steps import fresh_state, train_step

import jaxcnn
from jaxcnn.analysis.collectives import count_collectives
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs
from jaxcnn.models.alexnet import AlexNet
from jaxcnn.models.layers.initializers import Normal
from jaxcnn.optim.losses import SoftmaxCrossEntropy
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.schedules import Constant
from jaxcnn.parallel.devices import Devices
from jaxcnn.training import state as train_state
from jaxcnn.training.steps import on_resident

pytestmark = pytest.mark.usefixtures("plain_convolutions")

STEPS, ROWS = 5, 16


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    """AlexNet with its dropout, crops, mirrors, colour and mean picture; narrow, on small pictures."""
    paper = jaxcnn.load("alexnet_2012")
    model = AlexNet(num_classes=5, features=(16, 16, 16, 16, 16), hidden_units=32, kernel_init=Normal(0.05))
    inputs = dataclasses.replace(paper.inputs, size=67, stored_size=72)
    return dataclasses.replace(paper, model=model, inputs=inputs, schedule=Constant(0.05), batch_size=ROWS)


def batch(experiment: Experiment, number: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(number)
    size, channels = experiment.inputs.stored_size, experiment.inputs.channels
    return {
        "image": generator.integers(0, 256, (ROWS, size, size, channels), dtype=np.uint8),
        "label": generator.integers(0, 5, ROWS, dtype=np.int32),
    }


def train(experiment: Experiment, devices: Devices) -> train_state.TrainState:
    state = fresh_state(experiment, devices)
    compiled = devices.compile(train_step(experiment, devices), state, devices.shard_batch(batch(experiment, 0)))
    for number in range(STEPS):
        state, _ = compiled(state, devices.shard_batch(batch(experiment, number)))
    return state


@pytest.fixture(scope="module")
def on_one_device(experiment) -> train_state.TrainState:
    return train(experiment, Devices("jit", jax.devices()[:1]))


@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_eight_devices_equal_one(experiment, on_one_device, mode):
    """Dropout, crops, mirrors, colour and all: within 1e-5 after five steps."""
    chex.assert_devices_available(8, "cpu")
    state = train(experiment, Devices(mode))
    assert int(state.step) == STEPS
    ours, theirs = jax.device_get((state.params, on_one_device.params))
    chex.assert_trees_all_close(ours, theirs, atol=1e-5)
    chex.assert_trees_all_close(jax.device_get(state.sums), jax.device_get(on_one_device.sums), rtol=1e-5)
    fresh = fresh_params(experiment)
    moved = {name: float(np.abs(ours[name]["kernel"] - fresh[name]["kernel"]).max()) for name in ours}
    assert min(moved.values()) > 3e-4, f"kernels that hardly move would make this equality empty: {moved}"


def fresh_params(experiment):
    return jax.device_get(fresh_state(experiment, Devices("jit", jax.devices()[:1])).params)


def test_the_step_is_pure(experiment):
    """The same state and batch give the same bits; the seed and the step decide on the randomness."""
    devices = Devices("jit", jax.devices()[:1])
    placed = devices.shard_batch(batch(experiment, 0))
    compiled = devices.compile(train_step(experiment, devices), fresh_state(experiment, devices), placed)
    first, _ = compiled(fresh_state(experiment, devices), placed)
    again, _ = compiled(fresh_state(experiment, devices), placed)
    chex.assert_trees_all_equal(first.params, again.params)
    other_seed = dataclasses.replace(
        fresh_state(experiment, devices), seed=jax.device_put(jnp.uint32(9), devices.replicated)
    )
    other, _ = compiled(other_seed, placed)
    assert not np.array_equal(first.params["fc7"]["kernel"], other.params["fc7"]["kernel"])


def test_the_step_is_traced_once_and_its_state_donated(experiment):
    devices = Devices("jit", jax.devices()[:1])
    chex.clear_trace_counter()
    step = chex.assert_max_traces(train_step(experiment, devices), n=1)
    state = fresh_state(experiment, devices)
    compiled = devices.compile(step, state, devices.shard_batch(batch(experiment, 0)))
    with jax.transfer_guard("disallow"):
        for _ in range(2):
            before = state
            placed = jax.device_put(batch(experiment, 0), devices.divided)
            state, _ = compiled(state, placed)
            assert before.params["conv1"]["kernel"].is_deleted()


def test_resident_data_is_gathered_by_place(experiment):
    devices = Devices("jit")
    step = train_step(experiment, devices)
    whole = {name: np.concatenate([batch(experiment, n)[name] for n in range(2)]) for name in ("image", "label")}
    places = np.random.default_rng(0).permutation(2 * ROWS)[:ROWS].astype(np.int32)
    resident = devices.replicate(whole)
    compiled = devices.compile(
        on_resident(step), fresh_state(experiment, devices), devices.shard_batch(places), resident
    )
    ours, _ = compiled(fresh_state(experiment, devices), devices.shard_batch(places), resident)
    chosen = devices.shard_batch({name: rows[places] for name, rows in whole.items()})
    direct = devices.compile(step, fresh_state(experiment, devices), chosen)
    theirs, _ = direct(fresh_state(experiment, devices), chosen)
    chex.assert_trees_all_close(ours.params, theirs.params, atol=1e-6)
    assert "all-gather" not in count_collectives(compiled)


def test_one_step_is_the_equation_written_out(run_compiled_step):
    """A linear network by NumPy: gradient of the mean cross-entropy, then v ← −λεw − ε∇; w ← w + v."""
    ours, theirs = run_compiled_step
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.fixture
def run_compiled_step():
    import flax.linen as nn

    from jaxcnn.models.layers.core import Dense

    class Linear(nn.Module):
        num_classes: int = 3
        dtype: object = jnp.float32

        @nn.compact
        def __call__(self, images, *, train):
            del train
            return Dense(self.num_classes, name="fc")(images)

    experiment = Experiment(
        paper=jaxcnn.load("alexnet_2012").paper,
        model=Linear(),
        data="digits",
        inputs=Inputs(size=4, channels=1, stored_size=4, mean=100.0, scale=0.01),
        loss=SoftmaxCrossEntropy(),
        optimizer=Momentum(0.9, weight_decay=0.1),
        schedule=Constant(0.5),
        batch_size=ROWS,
        epochs=1,
    )
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (ROWS, 4, 4, 1), dtype=np.uint8)
    labels = generator.integers(0, 3, ROWS, dtype=np.int32)
    devices = Devices("jit")
    state = fresh_state(experiment, devices)
    weights = np.asarray(state.params["fc"]["kernel"], np.float64)
    placed = devices.shard_batch({"image": images, "label": labels})
    state, rate = devices.compile(train_step(experiment, devices), state, placed)(state, placed)
    assert float(rate) == 0.5

    inputs = (images.reshape(ROWS, 16).astype(np.float64) - 100) * 0.01
    scores = np.exp(inputs @ weights)
    errors = scores / scores.sum(axis=1, keepdims=True) - np.eye(3)[labels]
    gradient = inputs.T @ errors / ROWS
    return np.asarray(state.params["fc"]["kernel"]), weights - 0.5 * (gradient + 0.1 * weights)


def test_batch_must_divide_over_the_devices():
    with pytest.raises(
        jaxcnn.errors.UsageError, match=r"batch_size \(=12\) must divide evenly over 8 devices; use 8 or 16"
    ):
        Devices("jit").check_batch_size(12)
