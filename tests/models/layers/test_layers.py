"""The shared layers against loops of their formulas and against torch."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.models.kernels.convolution import convolve
from jaxcnn.models.layers.core import Conv, Dense, Dropout
from jaxcnn.models.layers.initializers import Constant, Normal, VarianceScaling
from jaxcnn.models.layers.local_response_norm import LocalResponseNorm
from jaxcnn.models.layers.pooling import AveragePool, GlobalAveragePool, MaxPool, pool_padding


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="the independent implementation is in torch")


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def channels_first(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(images, -1, 1))


@pytest.mark.parametrize(("strides", "padding", "groups"), [(1, 0, 1), (2, 1, 1), (1, 2, 2), (4, 0, 4), (3, 2, 2)])
def test_convolution_equals_torch(torch, strides, padding, groups):
    images, kernel = normal(2, 13, 13, 8), normal(5, 5, 8 // groups, 12, seed=1)
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(channels_first(images)),
        torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))),
        stride=strides,
        padding=padding,
        groups=groups,
    )
    ours = convolve(jnp.asarray(images), jnp.asarray(kernel), strides, padding, groups)
    chex.assert_trees_all_close(channels_first(np.asarray(ours)), expected.numpy(), rtol=1e-4, atol=1e-4)


def test_groups_equal_xla_grouped_convolution():
    images, kernel = normal(2, 9, 9, 8), normal(3, 3, 4, 6, seed=1)
    grouped = jax.lax.conv_general_dilated(
        images, kernel, (1, 1), "SAME", feature_group_count=2, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    chex.assert_trees_all_close(convolve(jnp.asarray(images), jnp.asarray(kernel), 1, 1, 2), grouped, rtol=1e-5)


def test_groups_must_divide_the_channels():
    with pytest.raises(ValueError, match=r"input channels \(=5\) must be divisible by groups \(=2\)"):
        Conv(4, 3, groups=2).init(jax.random.key(0), jnp.zeros((1, 8, 8, 5)))
    with pytest.raises(ValueError, match=r"features \(=3\) must be divisible by groups \(=2\)"):
        Conv(3, 3, groups=2).init(jax.random.key(0), jnp.zeros((1, 8, 8, 4)))


def test_dense_flattens_height_width_channels():
    images, kernel = normal(2, 3, 4, 5), normal(60, 7, seed=1)
    variables = {"params": {"kernel": jnp.asarray(kernel), "bias": jnp.arange(7.0)}}
    ours = Dense(7).apply(variables, jnp.asarray(images))
    chex.assert_trees_all_close(ours, images.reshape(2, 60) @ kernel + np.arange(7, dtype=np.float32), rtol=1e-5)


def lrn_loop(images: np.ndarray, size: int, k: float, alpha: float, beta: float) -> np.ndarray:
    """The formula of AlexNet's §3.3, channel by channel."""
    images = images.astype(np.float64)
    result, channels = np.empty_like(images), images.shape[-1]
    for i in range(channels):
        low, high = max(0, i - size // 2), min(channels - 1, i + size // 2)
        total = sum(images[..., j] ** 2 for j in range(low, high + 1))
        result[..., i] = images[..., i] / (k + alpha * total) ** beta
    return result


@given(
    channels=st.integers(1, 12),
    size=st.sampled_from([1, 3, 5, 7]),
    k=st.floats(0.5, 3.0),
    alpha=st.floats(1e-5, 0.5),
    beta=st.one_of(st.just(0.75), st.floats(0.25, 1.0)),
)
@settings(max_examples=25, deadline=None)
def test_lrn_is_the_papers_formula(channels, size, k, alpha, beta):
    images = 3 * normal(2, 2, 3, channels)
    ours = LocalResponseNorm(size, k, alpha, beta).apply({}, jnp.asarray(images))
    np.testing.assert_allclose(ours, lrn_loop(images, size, k, alpha, beta), rtol=2e-5, atol=1e-6)


def test_lrn_of_groups_keeps_to_them():
    images = 3 * normal(2, 2, 3, 12)
    ours = LocalResponseNorm(5, 2.0, 0.5, groups=3).apply({}, jnp.asarray(images))
    theirs = [lrn_loop(part, 5, 2.0, 0.5, 0.75) for part in np.split(images, 3, axis=-1)]
    np.testing.assert_allclose(ours, np.concatenate(theirs, axis=-1), rtol=2e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"channels \(=12\) must be divisible by groups \(=5\)"):
        LocalResponseNorm(groups=5).apply({}, jnp.asarray(images))


def test_lrn_conventions_of_torch_and_caffe(torch):
    images = 5 * normal(2, 4, 4, 16)
    theirs = torch.nn.LocalResponseNorm(5, alpha=0.3, beta=0.75, k=2.0)(torch.from_numpy(channels_first(images)))
    ours = LocalResponseNorm.from_torch(5, alpha=0.3, beta=0.75, k=2.0).apply({}, jnp.asarray(images))
    np.testing.assert_allclose(channels_first(np.asarray(ours)), theirs.numpy(), rtol=1e-5)
    caffe = LocalResponseNorm.from_caffe(local_size=5, alpha=0.3)
    assert (caffe.k, caffe.alpha) == (1.0, pytest.approx(0.06))  # Caffe's default k; α divided by n


@given(
    pixels=st.integers(3, 40),
    window=st.integers(1, 5),
    strides=st.integers(1, 4),
    ceil=st.booleans(),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_pooled_size_is_torchs(torch, pixels, window, strides, ceil, data):
    padding = data.draw(st.integers(0, min(window // 2, 2)))
    if pixels + 2 * padding < window:
        return
    images = normal(1, pixels, pixels, 2)
    theirs = torch.nn.functional.max_pool2d(
        torch.from_numpy(channels_first(images)), window, strides, padding, ceil_mode=ceil
    )
    ours = MaxPool(window, strides, padding, ceil).apply({}, jnp.asarray(images))
    chex.assert_trees_all_equal(channels_first(np.asarray(ours)), theirs.numpy())


def test_ceil_pooling_makes_googlenets_sizes():
    sizes = [112]
    for _ in range(4):
        before, after = pool_padding(sizes[-1], 3, 2, 0, True)
        sizes.append((sizes[-1] + before + after - 3) // 2 + 1)
    assert sizes == [112, 56, 28, 14, 7]


def test_max_pooling_ignores_its_padding():
    ours = MaxPool(3, 2, padding=1).apply({}, jnp.full((1, 4, 4, 1), -5.0))
    chex.assert_trees_all_equal(ours, jnp.full((1, 2, 2, 1), -5.0))


@pytest.mark.parametrize(("size", "strides"), [(5, 3), (2, 2), (4, 4)])  # 2 covers 14 pixels, 4 doesn't
def test_average_pools(torch, size, strides):
    images = normal(2, 14, 14, 3)
    given = torch.from_numpy(channels_first(images)).requires_grad_()
    theirs = torch.nn.functional.avg_pool2d(given, size, strides)
    ours, pull_back = jax.vjp(lambda images: AveragePool(size, strides).apply({}, images), jnp.asarray(images))
    np.testing.assert_allclose(channels_first(np.asarray(ours)), theirs.detach().numpy(), rtol=1e-5, atol=1e-6)
    toward = normal(*ours.shape)
    theirs.backward(torch.from_numpy(channels_first(toward)))
    (gradient,) = pull_back(jnp.asarray(toward))
    np.testing.assert_allclose(channels_first(np.asarray(gradient)), given.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_global_average_pool():
    images = normal(2, 14, 14, 3)
    whole = GlobalAveragePool().apply({}, jnp.asarray(images))
    np.testing.assert_allclose(whole, images.mean(axis=(1, 2)), rtol=1e-5, atol=1e-6)


def test_dropout_keeps_the_expectation_and_only_in_training():
    layer, ones = Dropout(0.25), jnp.ones((64, 1000))
    dropped = layer.apply({}, ones, train=True, rngs={"dropout": jax.random.key(0)})
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(1 / 0.75)}
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.01)
    chex.assert_trees_all_equal(layer.apply({}, ones, train=False), ones)


def test_dropout_of_a_shared_batch_is_that_of_the_whole():
    layer, ones = Dropout(0.5), jnp.ones((16, 10))

    def apply(rows):
        return layer.apply({}, rows, train=True, rngs={"dropout": jax.random.key(3)})

    parts = jax.pmap(apply, axis_name="data")(ones.reshape(8, 2, 10))
    chex.assert_trees_all_equal(parts.reshape(16, 10), apply(ones))


def test_bfloat16_computes_in_bfloat16_and_keeps_float32_parameters():
    images = jnp.asarray(normal(1, 8, 8, 3))
    layer = Conv(4, 3, dtype=jnp.bfloat16)
    variables = layer.init(jax.random.key(0), images)
    chex.assert_tree_all_finite(variables)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    assert layer.apply(variables, images).dtype == jnp.bfloat16


def test_initialisers_are_values():
    assert Normal(0.01) == Normal(0.01) and Normal(0.01) != Normal(0.02)
    assert len({Constant(1.0), Constant(1.0), Constant(0.0)}) == 2
    drawn = Normal(0.01)(jax.random.key(0), (200, 200))
    assert float(drawn.std()) == pytest.approx(0.01, rel=0.02)
    he = VarianceScaling(2.0, "fan_in", "normal")(jax.random.key(0), (3, 3, 64, 100))
    assert float(he.std()) == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
