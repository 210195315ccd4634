"""The optimizer against its recurrence, its curvature against a network written out unit by unit."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.models.lenet import C3_TABLE, LeNet5
from jaxcnn.optim.levenberg_marquardt import diagonal_curvature, refresh, stochastic_diagonal_levenberg_marquardt


def unrolled_layers():
    """Each layer as (units' weight numbers [units, inputs] with −1 for "not connected", weight and bias names).

    Units and inputs are numbered as the arrays [height, width, maps] lie in memory; the weights of a layer as
    its flattened kernel (or coefficient) does. A bias belongs to a unit's map.
    """

    def place(row, column, number, width, maps):
        return (row * width + column) * maps + number

    def convolution(size, sources, targets, pairs):
        after = size - 4
        numbers = np.full((after * after * targets, size * size * sources), -1)
        for row in range(after):
            for column in range(after):
                for pair, (source, target) in enumerate(pairs):
                    unit = place(row, column, target, after, targets)
                    for i in range(5):
                        for j in range(5):
                            seen = place(row + i, column + j, source, size, sources)
                            numbers[unit, seen] = (i * 5 + j) * len(pairs) + pair
        return numbers

    def subsampling(size, maps):
        numbers = np.full((size * size // 4 * maps, size * size * maps), -1)
        for row in range(size):
            for column in range(size):
                for number in range(maps):
                    unit = place(row // 2, column // 2, number, size // 2, maps)
                    numbers[unit, place(row, column, number, size, maps)] = number
        return numbers

    partial = [(source, target) for target, seen in enumerate(C3_TABLE) for source in seen]
    full = [(source, target) for source in range(16) for target in range(120)]
    return [
        ("C1", "kernel", convolution(32, 1, 6, [(0, target) for target in range(6)])),
        ("S2", "coefficient", subsampling(28, 6)),
        ("C3", "kernel", convolution(14, 6, 16, partial)),
        ("S4", "coefficient", subsampling(10, 16)),
        ("C5", "kernel", convolution(5, 16, 120, full)),
        ("F6", "kernel", np.arange(120 * 84).reshape(120, 84).T),
    ]


def curvature_unit_by_unit(params, images):
    """Appendix C over the written-out network, one picture after the other, in float64."""
    layers = unrolled_layers()
    total = {name: {key: np.zeros(np.shape(leaf)) for key, leaf in params[name].items()} for name in params}
    for image in images:
        inputs, trace = np.asarray(image, np.float64).ravel(), []
        for name, key, numbers in layers:
            values = np.asarray(params[name][key], np.float64).ravel()
            dense = np.where(numbers >= 0, values[numbers], 0.0)
            bias = np.asarray(params[name]["bias"], np.float64)
            sums = dense @ inputs + np.tile(bias, len(dense) // len(bias))
            trace.append((dense, inputs, sums))
            inputs = 1.7159 * np.tanh(2 / 3 * sums)
        of_outputs = np.full(84, 2.0)
        for (name, key, numbers), (dense, seen, sums) in zip(layers[::-1], trace[::-1], strict=True):
            of_sums = of_outputs * (1.7159 * 2 / 3 / np.cosh(2 / 3 * sums) ** 2) ** 2
            each = of_sums[:, None] * seen[None] ** 2  # one second derivative for each connection
            weights = total[name][key].ravel()
            np.add.at(weights, numbers[numbers >= 0], each[numbers >= 0] / len(images))
            total[name][key] = weights.reshape(total[name][key].shape)
            maps = total[name]["bias"].size
            total[name]["bias"] += of_sums.reshape(-1, maps).sum(0) / len(images)
            of_outputs = of_sums @ dense**2
    return total


@pytest.fixture(scope="module")
def sample():
    images = jnp.asarray(np.random.default_rng(1).uniform(-0.1, 1.175, (2, 32, 32, 1)), jnp.float32)
    params = jax.jit(LeNet5().init, static_argnames="train")(jax.random.key(0), images, train=False)["params"]
    # Away from the small initial weights, so that slopes differ and every term of the formula counts.
    return jax.tree.map(lambda leaf: jnp.asarray(2.0 * np.asarray(leaf)), params), images


def features(params, images):
    return LeNet5().apply({"params": params}, images, curvature=True, method="features")


estimate = jax.jit(functools.partial(diagonal_curvature, features))


def test_curvature_is_the_sum_over_the_connections_that_share_a_weight(sample):
    params, images = sample
    curvature = estimate(params, images)
    expected = curvature_unit_by_unit(params, images)
    for name in expected:
        for key, values in expected[name].items():
            assert values.max() > 0
            np.testing.assert_allclose(curvature[name][key], values, rtol=2e-3, atol=1e-5 * values.max())


def test_curvature_is_the_exact_gauss_newton_diagonal_where_no_weight_is_shared(sample):
    params, images = sample
    curvature = estimate(params, images)

    def outputs(top):
        return LeNet5().apply({"params": {**params, **top}}, images, method="features")

    top = {name: params[name] for name in ("C5", "F6")}
    jacobian = jax.jit(jax.jacrev(outputs))(top)
    expected = jax.tree.map(lambda slope: 2.0 * np.square(slope).sum(axis=(0, 1)) / len(images), jacobian)
    chex.assert_trees_all_close({name: curvature[name] for name in top}, expected, rtol=1e-3, atol=1e-6)


def test_carrying_second_derivatives_leaves_the_values_alone(sample):
    params, images = sample
    plain = jax.jit(lambda params: LeNet5().apply({"params": params}, images, method="features"))(params)
    chex.assert_trees_all_close(jax.jit(features)(params, images), plain, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    mu=st.floats(0.001, 10.0),
    rates=st.lists(st.floats(1e-6, 0.1), min_size=1, max_size=5),
    seed=st.integers(0, 2**16),
)
def test_the_recurrence(mu, rates, seed):
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=7).astype(np.float32)
    optimizer = optax.chain(stochastic_diagonal_levenberg_marquardt(mu), optax.identity())
    params = {"w": jnp.asarray(weights)}
    state, expected, h = optimizer.init(params), weights.astype(np.float64), np.zeros(7)
    for number, rate in enumerate(rates):
        if number == 1:  # the first step is taken before any estimate: h = 0
            h = generator.uniform(0, 5, size=7)
            state = refresh(state, {"w": jnp.asarray(h, jnp.float32)})
        gradient = generator.normal(size=7)
        updates, state = optimizer.update(
            {"w": jnp.asarray(gradient, jnp.float32)}, state, params, learning_rate=jnp.float32(rate)
        )
        params = optax.apply_updates(params, updates)
        expected = expected - rate / (mu + h) * gradient
    np.testing.assert_allclose(params["w"], expected, rtol=1e-4, atol=1e-4)


def test_refresh_wants_its_own_optimizer():
    state = optax.sgd(0.1).init({"w": jnp.zeros(3)})
    with pytest.raises(ValueError, match="no LevenbergMarquardtState"):
        refresh(state, {"w": jnp.ones(3)})


def test_training_by_it_lowers_the_distance(sample):
    params, images = sample
    labels = jnp.array([3, 8])

    @jax.jit
    def loss(params):
        scores = LeNet5().apply({"params": params}, images, train=True)
        return -jnp.take_along_axis(scores, labels[:, None], axis=1).mean()

    optimizer = stochastic_diagonal_levenberg_marquardt(mu=1.0)
    state = optimizer.init(params)

    @jax.jit
    def step(params, state):
        state = refresh(state, estimate(params, images))
        updates, state = optimizer.update(jax.grad(loss)(params), state, params, learning_rate=0.02)
        return optax.apply_updates(params, updates), state

    before = loss(params)
    for _ in range(10):
        params, state = step(params, state)
    assert loss(params) < 0.5 * before
