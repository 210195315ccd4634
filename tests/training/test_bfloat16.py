"""bfloat16 for convolutions and matrix products: a short run of every paper stays close to float32's."""

import jax
import numpy as np
import pytest

import jaxcnn
from jaxcnn.config.overrides import override
from jaxcnn.parallel.devices import Devices
from jaxcnn.training import state as train_state
from jaxcnn.training.steps import make_train_step

pytestmark = pytest.mark.usefixtures("plain_convolutions")

ROWS, STEPS = 8, 4
# What makes each small. Widths are the papers'. Dropout stays on: its masks are the same in both precisions.
SMALL = {
    "lenet5_1998": ("optimizer.mu=10",),  # no curvature is estimated here, so every step is η·8/μ
    "cnn_primer": ("inputs.size=14", "inputs.stored_size=14"),
    "alexnet_2012": ("inputs.size=67", "inputs.stored_size=70", "model.hidden_units=64"),
    "nin_2013": ("inputs.size=16", "inputs.stored_size=16"),
    "resnet_cifar_2015": ("inputs.size=8", "inputs.stored_size=8"),
    "vgg_2014": ("inputs.size=32", "inputs.stored_size=36", "inputs.crop=None", "model.hidden_units=64"),
    "googlenet_2014": ("inputs.size=80", "inputs.stored_size=80", "inputs.crop=None"),
    "resnet_2015:18": ("inputs.size=32", "inputs.stored_size=36", "inputs.crop=None"),
}
QUICK = ("lenet5_1998", "alexnet_2012", "resnet_cifar_2015")
TITLES = [*QUICK, *(pytest.param(title, marks=pytest.mark.slow) for title in SMALL if title not in QUICK)]

# bfloat16 has 8 bits of precision, a relative rounding of 1/256 for each operand.
LOSS_DISTANCE = 0.03  # of the mean loss over the run, relative
MOVE_DISTANCE = 0.35  # of the parameters, relative to how far the run moved them


def short_run(title: str, precision: str) -> tuple[np.ndarray, np.ndarray, float]:
    """(all parameters before, after, mean loss) of a few steps on the same random pictures, at a tame rate."""
    settings = (*SMALL[title], f"batch_size={ROWS}", "model.num_classes=10", f"precision={precision}")
    experiment = override(jaxcnn.load(title), *settings)
    optimizer, inputs = experiment.optimizer.transformation(), experiment.inputs
    statistics = train_state.zero_statistics(inputs)
    devices = Devices("jit", jax.devices()[:1])
    create = jax.jit(lambda: train_state.create_for(experiment, optimizer, seed=1, statistics=statistics))
    state = devices.replicate(jax.device_get(create()))
    size, generator = inputs.training_size, np.random.default_rng(0)
    images = generator.integers(0, 256, (ROWS, size, size, inputs.channels), dtype=np.uint8)
    batch = devices.shard_batch({"image": images, "label": generator.integers(0, 10, ROWS, dtype=np.int32)})
    step = make_train_step(experiment, optimizer=optimizer, schedule=lambda _: 1e-3, axis_name=None)
    compiled = devices.compile(step, state, batch)
    before = flat(state.params)
    for _ in range(STEPS):
        state, _ = compiled(state, batch)
    assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {np.dtype("float32")}
    return before, flat(state.params), float(state.sums["loss"] / state.sums["count"])


def flat(params) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(jax.device_get(params))])


@pytest.mark.parametrize("title", TITLES)
def test_a_short_run_stays_close(title):
    with jax.default_prng_impl("unsafe_rbg"):
        before, wide, loss = short_run(title, "float32")
        again, narrow, near = short_run(title, "bfloat16")
    np.testing.assert_array_equal(before, again)
    moved = np.linalg.norm(wide - before)
    distance = np.linalg.norm(narrow - wide)
    print(f"{title}: loss {loss:.5f}, {near:.5f}; moved {moved:.4g}, distance {distance / moved:.4f} of it")
    assert abs(near - loss) <= LOSS_DISTANCE * loss
    assert 0 < distance <= MOVE_DISTANCE * moved
