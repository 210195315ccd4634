"""Clipping by the global norm against the formula in NumPy: under `jit`, under `pmap`, and in micro-batches."""

import dataclasses

import jax
import numpy as np
import pytest
from linear_network import LINEAR, Linear
from train_steps import fresh_state, train_step

import jaxcnn
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs
from jaxcnn.errors import UsageError
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.schedules import Constant
from jaxcnn.parallel.devices import Devices

ROWS, RATE, DECAY = 16, 0.5, 0.1


@pytest.fixture
def experiment() -> Experiment:
    return dataclasses.replace(
        LINEAR,
        model=Linear(num_classes=3),
        inputs=Inputs(size=4, channels=1, stored_size=4, mean=100.0, scale=0.01),
        optimizer=Momentum(0.9, weight_decay=DECAY),
        schedule=Constant(RATE),
        batch_size=ROWS,
    )


def one_step(experiment: Experiment, devices: Devices) -> tuple[dict, dict, dict]:
    """(the parameters before a step, after it, and the mean gradients by NumPy), each {"kernel", "bias"}."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (ROWS, 4, 4, 1), dtype=np.uint8)
    labels = generator.integers(0, 3, ROWS, dtype=np.int32)
    state = fresh_state(experiment, devices)
    before = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), jax.device_get(state.params["fc"]))
    placed = devices.shard_batch({"image": images, "label": labels})
    state, _ = devices.compile(train_step(experiment, devices), state, placed)(state, placed)

    inputs = (images.reshape(ROWS, 16).astype(np.float64) - 100) * 0.01
    scores = np.exp(inputs @ before["kernel"] + before["bias"])
    errors = scores / scores.sum(axis=1, keepdims=True) - np.eye(3)[labels]
    gradients = {"kernel": inputs.T @ errors / ROWS, "bias": errors.mean(axis=0)}
    return before, jax.device_get(state.params["fc"]), gradients


@pytest.mark.parametrize("share", [0.25, 4.0])  # of the gradients' norm: one that clips, and one that doesn't
@pytest.mark.parametrize(
    ("mode", "devices", "accumulate"), [("jit", 1, 1), ("jit", 8, 1), ("pmap", 8, 1), ("jit", 1, 4)]
)
def test_the_mean_gradients_are_scaled_to_the_norm(experiment, mode, devices, accumulate, share):
    """w ← w − ε (g · min(1, c / ‖g‖) + λ w), with ‖g‖ over all parameters together; the decay isn't clipped."""
    chosen = Devices(mode, jax.devices()[:devices])
    before, plain, gradients = one_step(dataclasses.replace(experiment, accumulate=accumulate), chosen)
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients.values()))
    clipping = dataclasses.replace(experiment, accumulate=accumulate, clip_norm=float(share * norm))
    _, clipped, _ = one_step(clipping, chosen)
    for name, gradient in gradients.items():
        expected = before[name] - RATE * (gradient * min(1.0, share) + DECAY * before[name])
        np.testing.assert_allclose(clipped[name], expected, rtol=1e-4, atol=1e-6)
        unclipped = before[name] - RATE * (gradient + DECAY * before[name])
        np.testing.assert_allclose(plain[name], unclipped, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_a_norm_is_positive_and_finite(experiment, value):
    with pytest.raises(UsageError, match=r"clip_norm \(=.*\) must be .*positive"):
        dataclasses.replace(experiment, clip_norm=value)


def test_no_paper_clips():
    for name in jaxcnn.names():
        assert all(jaxcnn.load(f"{name}:{variant}").clip_norm is None for variant in jaxcnn.variants(name))
