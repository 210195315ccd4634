"""Batch normalisation against torch and against its formula."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.models.layers.batch_norm import BatchNorm


def variables_of(layer, inputs, generator):
    shapes = jax.eval_shape(lambda: layer.init(jax.random.key(0), inputs, train=False))
    return jax.tree.map(lambda leaf: jnp.asarray(generator.uniform(0.5, 1.5, leaf.shape), leaf.dtype), shapes)


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(2, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 5)),
    epsilon=st.sampled_from([1e-5, 1e-3]),
    mean=st.floats(-100, 100),
)
def test_formula_and_running_averages(shape, epsilon, mean):
    generator = np.random.default_rng(0)
    inputs = (generator.normal(size=shape) + mean).astype(np.float32)
    layer = BatchNorm(epsilon=epsilon)
    variables = variables_of(layer, jnp.asarray(inputs), generator)
    outputs, updated = layer.apply(variables, jnp.asarray(inputs), train=True, mutable=["batch_stats"])

    columns = inputs.astype(np.float64).reshape(-1, shape[-1])
    scale, bias = (np.asarray(variables["params"][name], np.float64) for name in ("scale", "bias"))
    expected = (columns - columns.mean(0)) / np.sqrt(columns.var(0) + epsilon) * scale + bias
    # What single precision leaves of x − mean, divided by the standard deviation.
    noise = 1e-6 * (1 + abs(mean)) / np.sqrt(columns.var(0).min() + epsilon) + 1e-5
    np.testing.assert_allclose(np.asarray(outputs).reshape(-1, shape[-1]), expected, atol=3 * noise)

    old, new = variables["batch_stats"], updated["batch_stats"]
    np.testing.assert_allclose(new["mean"], 0.9 * old["mean"] + 0.1 * columns.mean(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(new["var"], 0.9 * old["var"] + 0.1 * columns.var(0, ddof=1), rtol=1e-3)


@pytest.mark.parametrize("train", [True, False])
def test_equals_torch(train):
    torch = pytest.importorskip("torch", reason="the independent implementation is in torch")
    generator = np.random.default_rng(1)
    inputs = generator.normal(2.0, 3.0, size=(4, 5, 6, 7)).astype(np.float32)
    layer = BatchNorm(epsilon=1e-3)
    variables = variables_of(layer, jnp.asarray(inputs), generator)
    theirs = torch.nn.BatchNorm2d(7, eps=1e-3).train(train)
    ours_for = {"weight": ("params", "scale"), "bias": ("params", "bias")}
    ours_for |= {"running_mean": ("batch_stats", "mean"), "running_var": ("batch_stats", "var")}
    state = {name: np.array(variables[kind][leaf]) for name, (kind, leaf) in ours_for.items()}
    state = {name: torch.from_numpy(values) for name, values in state.items()}
    theirs.load_state_dict(state | {"num_batches_tracked": torch.tensor(0)})

    outputs, updated = layer.apply(variables, jnp.asarray(inputs), train=train, mutable=["batch_stats"])
    expected = theirs(torch.from_numpy(inputs).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    np.testing.assert_allclose(outputs, expected.detach().numpy(), rtol=1e-5, atol=1e-5)
    for name in ("running_mean", "running_var"):
        kind, leaf = ours_for[name]
        np.testing.assert_allclose(updated[kind][leaf], getattr(theirs, name).numpy(), rtol=1e-5)


def test_keeps_statistics_in_float32_and_computes_in_the_given_type():
    layer = BatchNorm(dtype=jnp.bfloat16)
    inputs = jax.random.normal(jax.random.key(0), (8, 3, 3, 2), jnp.bfloat16) + jnp.bfloat16(100)
    variables = layer.init(jax.random.key(0), inputs, train=False)
    outputs, updated = layer.apply(variables, inputs, train=True, mutable=["batch_stats"])
    chex.assert_type(outputs, jnp.bfloat16)
    chex.assert_type(jax.tree.leaves(updated), jnp.float32)
    chex.assert_type(jax.tree.leaves(variables["params"]), jnp.float32)
    expected = np.asarray(inputs, np.float32).var((0, 1, 2))
    np.testing.assert_allclose(updated["batch_stats"]["var"], 0.9 + 0.1 * expected * 72 / 71, rtol=1e-5)


def test_statistics_are_those_of_the_whole_batch_however_many_devices_share_it():
    chex.assert_devices_available(8, "cpu")  # tests/conftest.py simulates them
    devices = jax.devices()
    mesh = jax.make_mesh((len(devices),), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    inputs = jax.random.normal(jax.random.key(0), (2 * len(devices), 3, 3, 4))
    layer = BatchNorm()
    variables = layer.init(jax.random.key(0), inputs, train=False)

    def step(inputs):
        return layer.apply(variables, inputs, train=True, mutable=["batch_stats"])

    whole, shared = jax.jit(step)(inputs), jax.jit(step)(jax.device_put(inputs, sharding))
    chex.assert_trees_all_close(jax.device_get(whole), jax.device_get(shared), rtol=1e-5, atol=1e-6)


def test_a_batch_of_one_value_keeps_finite_averages():
    layer = BatchNorm()
    inputs = jnp.ones((1, 1, 1, 2))
    variables = layer.init(jax.random.key(0), inputs, train=False)
    _, updated = layer.apply(variables, inputs, train=True, mutable=["batch_stats"])
    chex.assert_tree_all_finite(updated)


def test_init_leaves_the_averages_at_zero_and_one():
    inputs = 5.0 + jax.random.normal(jax.random.key(0), (4, 2, 2, 3))
    stats = BatchNorm().init(jax.random.key(0), inputs, train=True)["batch_stats"]
    chex.assert_trees_all_equal(stats, {"mean": jnp.zeros(3), "var": jnp.ones(3)})
