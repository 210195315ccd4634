"""`rate_multipliers`: a layer's own rate, against the recurrences in NumPy; a factor of 1 is no factor."""

import dataclasses
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_network import LINEAR
from train_steps import fresh_state, train_step

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import override
from jaxcnn.errors import UsageError
from jaxcnn.optim.optimizers import LevenbergMarquardt, Momentum
from jaxcnn.optim.schedules import PerStep
from jaxcnn.parallel.devices import Devices
from jaxcnn.training.layers import rates

RATES = [0.1, 0.1, 0.01, 0.01, 0.001]
ONE = Devices("jit", jax.devices()[:1])


def run(optimizer: Any, gradients: list[np.ndarray], factors: dict[str, float], curvature: Any = None) -> Any:
    """The parameters of two equal layers after a step for each gradient."""
    transformation = optimizer.transformation()
    params = {name: {"kernel": jnp.ones((4, 3)), "bias": jnp.ones(3)} for name in ("conv1", "fc8")}
    state = transformation.init(params)
    if curvature is not None:
        state = (state[0]._replace(curvature=curvature), *state[1:])
    for rate, gradient in zip(RATES, gradients, strict=True):
        tree = {name: {"kernel": jnp.asarray(gradient), "bias": jnp.asarray(gradient[0])} for name in params}
        each = rates(jnp.float32(rate), factors, params)
        updates, state = transformation.update(tree, state, params, learning_rate=each)
        params = optax.apply_updates(params, updates)
    return params


@settings(max_examples=10)
@given(
    factor=st.floats(0.01, 20),
    decay=st.sampled_from([0.0, 0.05]),
    bias_rate=st.sampled_from([1.0, 2.0]),
    seed=st.integers(0, 99),
)
def test_momentum_takes_the_factor_into_epsilon(factor, decay, bias_rate, seed):
    """v ← 0.9·v − decay·(f·ε)·w − (f·ε)·∇, as Caffe does: the decay has the layer's rate too."""
    gradients = list(np.random.default_rng(seed).normal(size=(5, 4, 3)).astype(np.float32))
    optimizer = Momentum(0.9, decay, decay_biases=False, bias_rate=bias_rate)
    params = run(optimizer, gradients, {"fc8": factor})
    for layer, f in (("conv1", 1.0), ("fc8", factor)):
        w, v, bias, u = np.ones((4, 3)), np.zeros((4, 3)), np.ones(3), np.zeros(3)
        for rate, gradient in zip(RATES, gradients, strict=True):
            v = 0.9 * v - decay * f * rate * w - f * rate * gradient
            u = 0.9 * u - bias_rate * f * rate * gradient[0]
            w, bias = w + v, bias + u
        np.testing.assert_allclose(params[layer]["kernel"], w, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(params[layer]["bias"], bias, rtol=1e-4, atol=1e-4)


def test_levenberg_marquardt_multiplies_eta():
    """w_k ← w_k − f·η / (μ + h_kk)·∇, times the recipe's scale."""
    gradients = list(np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32))
    shapes = {name: {"kernel": (4, 3), "bias": (3,)} for name in ("conv1", "fc8")}
    curvature = jax.tree.map(lambda s: jnp.full(s, 0.5), shapes, is_leaf=lambda s: isinstance(s, tuple))
    params = run(LevenbergMarquardt(mu=0.02, scale=0.5), gradients, {"fc8": 10.0}, curvature)
    for layer, f in (("conv1", 1.0), ("fc8", 10.0)):
        steps = [0.5 * f * rate / (0.02 + 0.5) * gradient for rate, gradient in zip(RATES, gradients, strict=True)]
        np.testing.assert_allclose(params[layer]["kernel"], 1 - np.sum(steps, axis=0), rtol=1e-4, atol=1e-5)


def trained(experiment: Experiment, devices: Devices = ONE) -> Any:
    generator = np.random.default_rng(0)
    images, labels = generator.integers(0, 256, (16, 8, 8, 1), np.uint8), generator.integers(0, 10, 16, np.int32)
    batch = devices.shard_batch({"image": images, "label": labels})
    state = fresh_state(experiment, devices)
    step = devices.compile(train_step(experiment, devices), state, batch)
    for _ in range(4):
        state, rate = step(state, batch)
    return jax.device_get(state), float(rate)


BASE = dataclasses.replace(
    LINEAR,
    optimizer=Momentum(0.9, weight_decay=0.05),
    schedule=PerStep(rates=(0.1, 0.01), until=(2,)),
    averaging=0.9,
)


def test_a_factor_of_1_changes_nothing():
    """The whole state to the bit, and the optimizer's state has the same tree whatever the factors are."""
    plain, _ = trained(BASE)
    ours, rate = trained(override(BASE, "rate_multipliers={'fc': 1}"))
    chex.assert_trees_all_equal(ours, plain)
    assert jax.tree.structure(ours) == jax.tree.structure(plain) and rate == pytest.approx(0.01)


def test_a_factor_for_all_layers_is_another_rate():
    """A power of two, so that nothing is rounded otherwise."""
    ours, _ = trained(override(BASE, "rate_multipliers={'f': 4}"))
    theirs, _ = trained(dataclasses.replace(BASE, schedule=PerStep(rates=(0.4, 0.04), until=(2,))))
    chex.assert_trees_all_close(ours.params, theirs.params, rtol=1e-6)
    plain, _ = trained(BASE)
    assert not np.allclose(ours.params["fc"]["kernel"], plain.params["fc"]["kernel"], rtol=1e-3)


@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_eight_devices_equal_one(mode):
    experiment = override(BASE, "rate_multipliers={'fc': 10}", "accumulate=2")
    ours, theirs = trained(experiment, Devices(mode))[0], trained(experiment)[0]
    chex.assert_trees_all_close(ours.params, theirs.params, atol=1e-5)


def test_mappings_pairs_and_their_orders_are_one_experiment():
    given = ({"b": 2, "a": 0.5}, {"a": 0.5, "b": 2.0}, (("b", 2), ("a", 0.5)))
    made = [dataclasses.replace(LINEAR, rate_multipliers=value) for value in given]
    assert made[0] == made[1] == made[2] and made[0].rate_multipliers == (("a", 0.5), ("b", 2.0))
    assert override(LINEAR, 'rate_multipliers={"b": 2, "a": 5e-1}').rate_multipliers == made[0].rate_multipliers


def test_a_factor_of_0_names_what_is_meant_for_it():
    for value in ({"fc": 0}, (("fc", 0.0),)):
        with pytest.raises(UsageError, match=r"the factor of 'fc' is 0, and must be positive; .* train_only"):
            dataclasses.replace(LINEAR, rate_multipliers=value)
