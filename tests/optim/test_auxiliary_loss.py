"""The auxiliary heads' loss against torch, and the rate of biases against the recurrence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.optim.losses import AuxiliaryCrossEntropy, SoftmaxCrossEntropy
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.polyak import update_average


def scores(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, (6, 10)).astype(np.float32)


LABELS = np.arange(6, dtype=np.int32)


def test_heads_count_three_tenths_each():
    torch = pytest.importorskip("torch", reason="torch is the second source")
    main, first, second = (
        torch.nn.functional.cross_entropy(torch.tensor(scores(i)), torch.tensor(LABELS).long(), reduction="none")
        for i in range(3)
    )
    outputs = (jnp.asarray(scores(0)), (jnp.asarray(scores(1)), jnp.asarray(scores(2))))
    ours = AuxiliaryCrossEntropy(weight=0.3)(outputs, jnp.asarray(LABELS))
    np.testing.assert_allclose(ours, (main + 0.3 * first + 0.3 * second).numpy(), rtol=1e-5)


def test_without_heads_it_is_the_plain_loss():
    """At test time there are none."""
    ours = AuxiliaryCrossEntropy()(jnp.asarray(scores(0)), jnp.asarray(LABELS))
    np.testing.assert_array_equal(ours, SoftmaxCrossEntropy()(jnp.asarray(scores(0)), jnp.asarray(LABELS)))


def test_biases_learn_at_their_own_rate_and_are_not_decayed():
    """Caffe: v ← μv + lr_mult·lr·(g + decay_mult·λ·w), with 2 and 0 for biases; the rate drops half-way."""
    transformation = Momentum(0.9, weight_decay=0.1, decay_biases=False, bias_rate=2.0).transformation()
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    state = transformation.init(params)
    kernel, bias, kernel_velocity, bias_velocity = 1.0, 1.0, 0.0, 0.0
    for rate in (0.5, 0.5, 0.05, 0.05):
        gradients = jax.tree.map(lambda leaf: 0.3 * leaf, params)
        updates, state = transformation.update(gradients, state, params, learning_rate=rate)
        params = jax.tree.map(jnp.add, params, updates)
        kernel_velocity = 0.9 * kernel_velocity + rate * (0.3 * kernel + 0.1 * kernel)
        bias_velocity = 0.9 * bias_velocity + 2 * rate * 0.3 * bias
        kernel, bias = kernel - kernel_velocity, bias - bias_velocity
        np.testing.assert_allclose(params["kernel"], kernel, rtol=1e-5)
        np.testing.assert_allclose(params["bias"], bias, rtol=1e-5)


def test_the_average_is_the_recurrence():
    """d = min(decay, (1 + step) / (10 + step)): a weight of 9/10 for the first update, of 1 − decay in the end."""
    average, expected = {"w": jnp.zeros(3)}, 0.0
    for step in range(200):
        value = float(np.sin(step))
        average = update_average(average, {"w": jnp.full(3, value)}, jnp.asarray(step, jnp.int32), 0.9)
        keep = min(0.9, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * value
        np.testing.assert_allclose(average["w"], expected, atol=1e-5)
