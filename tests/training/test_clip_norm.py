"""Clipping by the global norm against the formula in NumPy: under `jit`, under `pmap`, and in micro-batches."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxcnn
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs
from jaxcnn.errors import UsageError
from jaxcnn.models.layers.core import Dense
from jaxcnn.optim.losses import SoftmaxCrossEntropy
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.schedules import Constant
from jaxcnn.parallel.devices import Devices
from jaxcnn.training import state as train_state
from jaxcnn.training.steps import make_train_step

ROWS, RATE, DECAY = 16, 0.5, 0.1


class Linear(nn.Module):
    num_classes: int = 3
    dtype: object = jnp.float32

    @nn.compact
    def __call__(self, images, *, train):
        del train
        return Dense(self.num_classes, name="fc")(images)


@pytest.fixture
def experiment() -> Experiment:
    return Experiment(
        paper=jaxcnn.load("cnn_primer").paper,
        model=Linear(),
        data="digits",
        inputs=Inputs(size=4, channels=1, stored_size=4, mean=100.0, scale=0.01),
        loss=SoftmaxCrossEntropy(),
        optimizer=Momentum(0.9, weight_decay=DECAY),
        schedule=Constant(RATE),
        batch_size=ROWS,
        epochs=1,
    )


def one_step(experiment: Experiment, devices: Devices) -> tuple[dict, dict, dict]:
    """(the parameters before a step, after it, and the mean gradients by NumPy), each {"kernel", "bias"}."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (ROWS, 4, 4, 1), dtype=np.uint8)
    labels = generator.integers(0, 3, ROWS, dtype=np.int32)
    optimizer = experiment.optimizer.transformation()
    create = jax.jit(lambda: train_state.create(experiment.model, optimizer, experiment.inputs, seed=3, mean=None))
    state = devices.replicate(jax.device_get(create()))
    before = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), jax.device_get(state.params["fc"]))
    step = make_train_step(
        experiment,
        optimizer=optimizer,
        schedule=experiment.schedule.build(steps_per_epoch=1, total_steps=1),
        axis_name=devices.axis_name,
    )
    placed = devices.shard_batch({"image": images, "label": labels})
    state, _ = devices.compile(step, state, placed)(state, placed)

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
