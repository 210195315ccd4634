"""Optimizers and schedules against their recurrences in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.optim.optimizers import LevenbergMarquardt, Momentum
from jaxcnn.optim.schedules import Constant, Cosine, InverseDecay, PerEpoch

RATES = [0.1, 0.1, 0.01, 0.01, 0.001]


def run(optimizer, gradients, weights):
    transformation = optimizer.transformation()
    params = {"kernel": jnp.asarray(weights), "bias": jnp.ones(3)}
    state = transformation.init(params)
    for rate, gradient in zip(RATES, gradients, strict=True):
        tree = {"kernel": jnp.asarray(gradient), "bias": jnp.zeros(3)}
        updates, state = transformation.update(tree, state, params, learning_rate=jnp.float32(rate))
        params = optax.apply_updates(params, updates)
    return params


@pytest.fixture
def problem():
    generator = np.random.default_rng(0)
    return generator.normal(size=(5, 4, 3)).astype(np.float32), generator.normal(size=(4, 3)).astype(np.float32)


def test_momentum_is_alexnets_equation(problem):
    """v ← 0.9v − 0.0005·ε·w − ε·∇; w ← w + v (§5), through two drops of the rate."""
    gradients, weights = problem
    params = run(Momentum(0.9, 0.0005), gradients, weights)
    w, v, bias, u = weights.astype(np.float64), 0.0, 1.0, 0.0
    for rate, gradient in zip(RATES, gradients, strict=True):
        v = 0.9 * v - 0.0005 * rate * w - rate * gradient
        w = w + v
        u = 0.9 * u - 0.0005 * rate * bias
        bias = bias + u
    np.testing.assert_allclose(params["kernel"], w, rtol=1e-5)
    np.testing.assert_allclose(params["bias"], bias, rtol=1e-6)


def test_momentum_differs_from_torchs_after_a_drop(problem):
    """With the rate outside the velocity, as optax.sgd has it, a drop scales the velocity too."""
    gradients, weights = problem
    ours = run(Momentum(0.9), gradients, weights)["kernel"]
    sgd = optax.sgd(optax.piecewise_constant_schedule(0.1, {2: 0.1, 4: 0.1}), momentum=0.9)
    params, state = jnp.asarray(weights), sgd.init(jnp.asarray(weights))
    with jax.numpy_dtype_promotion("standard"):  # optax's own schedule needs it
        for gradient in gradients:
            updates, state = sgd.update(jnp.asarray(gradient), state, params)
            params = optax.apply_updates(params, updates)
    assert not np.allclose(ours, params, rtol=1e-3)


def test_biases_may_be_spared_the_decay(problem):
    gradients, weights = problem
    params = run(Momentum(0.9, 0.5, decay_biases=False), gradients, weights)
    np.testing.assert_array_equal(params["bias"], np.ones(3, np.float32))


def test_levenberg_marquardt_without_curvature_is_plain_descent(problem):
    gradients, weights = problem
    params = run(LevenbergMarquardt(mu=0.02, scale=0.5), gradients, weights)
    expected = weights - sum(0.5 * rate / 0.02 * g for rate, g in zip(RATES, gradients, strict=True))
    np.testing.assert_allclose(params["kernel"], expected, rtol=1e-4, atol=1e-4)


def test_lenets_schedule_is_the_papers():
    """LeCun et al. 1998, §III-B: 0.0005 ×2, 0.0002 ×3, 0.0001 ×3, 0.00005 ×4, 0.00001 ×8 passes."""
    schedule = PerEpoch((5e-4, 2e-4, 1e-4, 5e-5, 1e-5), (2, 3, 3, 4, 8)).build(steps_per_epoch=10, total_steps=200)
    expected = np.repeat([5e-4] * 2 + [2e-4] * 3 + [1e-4] * 3 + [5e-5] * 4 + [1e-5] * 8, 10)
    np.testing.assert_allclose([schedule(step) for step in range(200)], expected, rtol=1e-6)


def test_caffes_inverse_decay():
    schedule = InverseDecay(0.01, 1e-4, 0.75).build(steps_per_epoch=1, total_steps=1)
    np.testing.assert_allclose(schedule(jnp.int32(10_000)), 0.01 * 2**-0.75, rtol=1e-5)


@given(total=st.integers(2, 500), warmup=st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_cosine_starts_at_the_rate_and_ends_at_zero(total, warmup):
    per_epoch = 10
    length = total + warmup * per_epoch
    schedule = Cosine(0.3, warmup_epochs=warmup).build(steps_per_epoch=per_epoch, total_steps=length)
    peak = warmup * per_epoch
    assert float(schedule(peak)) == pytest.approx(0.3)
    assert float(schedule(length)) == pytest.approx(0.0, abs=1e-6)
    assert float(schedule(peak + total // 2)) == pytest.approx(
        0.15 * (1 + np.cos(np.pi * (total // 2) / total)), rel=1e-4, abs=1e-6
    )


def test_constant():
    assert Constant(0.01).build(steps_per_epoch=1, total_steps=1)(7) == 0.01
