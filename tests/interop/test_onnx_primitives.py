"""What a network may do between its layers, and a user's own layers: JAX and ONNX Runtime agree."""

import sys
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from untrained_runs import filled

from jaxcnn.errors import UsageError
from jaxcnn.interop.to_onnx import model_file
from jaxcnn.interop.to_onnx.convert import to_graph
from jaxcnn.models.layers.core import Conv, Dense
from jaxcnn.models.layers.local_response_norm import LocalResponseNorm
from jaxcnn.models.layers.pooling import AveragePool, MaxPool

runtime: Any = pytest.importorskip("onnxruntime", reason="needs .[export]")
pytest.importorskip("onnx", reason="needs .[export]")
pytestmark = pytest.mark.usefixtures("unchecked_signatures")

SHAPE = (6, 8, 3)  # height, width, channels


def flat(values: jax.Array) -> jax.Array:
    return values.reshape(values.shape[0], -1).astype(jnp.float32)


def compare(function, shape: tuple[int, int, int] = SHAPE, tolerance: float = 1e-5) -> None:
    """JAX's answer for two images is ONNX Runtime's."""

    def flattened(images):
        return flat(function(images))

    images = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    ours = np.asarray(jax.jit(flattened)(images))
    content = model_file.encoded(to_graph(flattened, shape, ("x", "y")), ours.shape[1], shape, {})
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {"x": images.transpose(0, 3, 1, 2)})
    np.testing.assert_allclose(theirs, ours, rtol=tolerance, atol=tolerance)


@jax.custom_vjp
def _own_gradient(x):
    return jnp.sin(x)


_own_gradient.defvjp(lambda x: (jnp.sin(x), x), lambda x, gradient: (gradient,))

ROWS = np.arange(24, dtype=np.float32).reshape(8, 3)
FUNCTIONS = {
    "arithmetic": lambda x: (x * 2 + 1) / 3 - x * x,
    "powers": lambda x: jnp.abs(x) ** 1.5 + x**3 + jax.lax.integer_pow(x, 2) + jax.lax.rsqrt(jnp.abs(x) + 1),
    "exponentials": lambda x: jnp.exp(x) + jnp.log1p(jnp.abs(x)) + jnp.expm1(x / 4) + jnp.sqrt(jnp.abs(x)),
    "activations": lambda x: nn.gelu(x) + nn.gelu(x, approximate=False) + nn.silu(x) + nn.elu(x) + nn.leaky_relu(x),
    "more activations": lambda x: nn.sigmoid(x) + nn.softplus(x) + nn.tanh(x) + nn.hard_swish(x) + nn.relu6(x),
    "softmax": lambda x: nn.softmax(x, axis=-1) + nn.log_softmax(x, axis=1),
    "comparisons": lambda x: jnp.where((x > 0) & ~(x >= 1), x, -x) + jnp.where((x != 0) | (x < 0), 1.0, 0.0),
    "clip, sign, floor": lambda x: jnp.clip(x, -0.5, 0.5) + jnp.sign(x) + jnp.floor(x) + jnp.ceil(x * 2),
    "erfc": lambda x: jax.scipy.special.erfc(x),
    "sums": lambda x: x.sum(axis=(1, 2)) + x.mean(axis=(1, 2)) + x.max(axis=(1, 2)) - x.min(axis=(1, 2)),
    "sums of channels": lambda x: x.sum(axis=-1) + x.max(axis=3),
    "sums of rows": lambda x: x.sum(axis=1) * x.prod(axis=1),
    "variance": lambda x: (x - x.mean(axis=(1, 2, 3), keepdims=True)) / x.std(axis=(1, 2, 3), keepdims=True),
    "argmax": lambda x: x.argmax(axis=-1) + x.argmin(axis=-1),
    "broadcast vectors": lambda x: x * jnp.array([1.0, 2.0, 3.0])[None, None, None] + jnp.ones((6, 1, 1))[None],
    "broadcast maps": lambda x: x + ROWS[None, None] * x[:, :1, :1, :1],
    "batch of constants": lambda x: jnp.concatenate([x, jnp.full((x.shape[0], 6, 8, 1), 7.0)], axis=-1),
    "added axes": lambda x: (x[:, None] * x[:, :, None]).sum(axis=1),
    "transposes": lambda x: x.transpose(0, 2, 1, 3)[:, ::2] + jnp.swapaxes(x, 1, 2)[:, ::2],
    "reshapes": lambda x: x.reshape(x.shape[0], 3, 2, 24) * 2.0,
    "reshape with the batch inside": lambda x: x.reshape(x.shape[0] * 6, 24).max(axis=-1).reshape(-1, 6),
    "numbers as indices": lambda x: x[:, 2] + x[:, -1] + x[:, 0],
    "a pixel": lambda x: x[:, 2, 3],
    "windows": lambda x: x[:, 1:5, 2:7, 1:],
    "steps": lambda x: x[:, ::2, 1::3],
    "steps back": lambda x: x[:, ::-1, ::-2],
    "places": lambda x: x[..., np.array([2, 0, 1, 1])] + 0 * x[..., :1],
    "flips": lambda x: jnp.flip(x, axis=2) + jnp.flip(x, axis=(1, 2)),
    "splits": lambda x: jnp.split(x, 3, axis=-1)[1] + jnp.split(x, [1], axis=2)[0],
    "stacks": lambda x: jnp.stack([x, -x], axis=2) + jnp.concatenate([x, x], axis=2).reshape(-1, 6, 2, 8, 3),
    "first of the batch": lambda x: x - x[:1],
    "the batch's size": lambda x: x - x.mean(axis=0, keepdims=True),
    "a gradient of its own": lambda x: _own_gradient(x),
    "powers of two": lambda x: jnp.exp2(x),
    "rolls": lambda x: jnp.roll(x, 1, axis=1),
    "pads": lambda x: jnp.pad(x, ((0, 0), (1, 2), (0, 1), (3, 0)), constant_values=5.0),
    "pads that repeat": lambda x: jnp.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)), mode="edge"),
    "negative pads": lambda x: jax.lax.pad(x, 0.0, ((0, 0, 0), (-1, 2, 0), (0, -1, 0), (0, 0, 0))),
    "products": lambda x: x @ ROWS.T[:, :4] + jnp.einsum("bhwc,kc->bhwk", x, ROWS[:4]),
    "products of two": lambda x: jnp.einsum("bhwc,bhvc->bwv", x, 2 * x),
    "transposed convolution layout": lambda x: jax.lax.conv(
        x.transpose(0, 3, 1, 2), jnp.ones((4, 3, 2, 3)), (1, 2), "SAME"
    ),
    "pools": lambda x: (
        nn.max_pool(x, (2, 3), (2, 1), "SAME")
        + jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 2, 3, 1), (1, 2, 1, 1), "SAME")
    ),
    "nested jit": lambda x: jax.jit(lambda y: jnp.tanh(y) * 2)(x),
    "remat": lambda x: jax.checkpoint(lambda y: jnp.sin(y) * 2)(x),
    "dead ends": lambda x: (jnp.sort(x, axis=1), x * 2)[1],
    "casts": lambda x: (x > 0).astype(jnp.float32) + x.astype(jnp.int32).astype(jnp.float32),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_the_images(name):
    compare(FUNCTIONS[name])


class Own(nn.Module):
    """A user's network, of Flax's layers and ours, with branches and attention over the channels."""

    @nn.compact
    def __call__(self, images, *, train: bool):
        x = nn.Conv(8, (3, 3), strides=2, feature_group_count=1, kernel_dilation=2)(images)
        x = nn.relu(nn.BatchNorm(use_running_average=not train)(x))
        x = nn.Conv(8, (3, 3), feature_group_count=4, use_bias=False)(x) + x
        x = nn.LayerNorm()(nn.GroupNorm(num_groups=2)(x))
        x = Conv(6, 3, padding=((0, 1), (1, 0)), groups=2, name="ours")(x)
        x = AveragePool(2, 1, name="mean")(MaxPool(2, 1, padding=1, name="max")(x))
        gate = nn.sigmoid(nn.Dense(6)(x.mean(axis=(1, 2))))
        x = (x * gate[:, None, None]).transpose(0, 2, 1, 3)
        return Dense(5, name="head")(x)


def test_a_users_network():
    model = Own()
    images = jnp.zeros((1, 12, 10, 3))
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), images, train=False))
    variables = filled(shapes)
    compare(lambda x: model.apply(variables, x, train=False), (12, 10, 3), 1e-4)


@settings(max_examples=20)
@given(
    size=st.integers(1, 6),
    alpha=st.sampled_from([0.0, 1e-4, 0.5]),
    beta=st.sampled_from([0.75, 0.5]),
    groups=st.sampled_from([1, 2, 3]),
)
def test_response_normalisation(size, alpha, beta, groups):
    """Also what ONNX Runtime's own LRN refuses: even windows, and α = 0."""
    layer = LocalResponseNorm(size=size, k=1.5, alpha=alpha, beta=beta, groups=groups)
    compare(lambda x: layer.apply({}, 3 * x), (2, 3, 12))


@settings(max_examples=30)
@given(
    side=st.integers(4, 9),
    size=st.integers(1, 4),
    strides=st.integers(1, 3),
    padding=st.integers(0, 3),
    ceil=st.booleans(),
)
def test_max_pooling(side, size, strides, padding, ceil):
    layer = MaxPool(size, strides, padding=min(padding, size - 1), ceil=ceil)
    compare(lambda x: layer.apply({}, x), (side, side + 1, 2))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: jnp.sort(x, axis=1), "the network uses 'sort'.*use format=stablehlo"),
        (lambda x: jax.lax.cumsum(x, axis=1), "the network uses 'cumsum'"),
        (lambda x: x[-1:], "takes multiples of the batch alone"),
        (lambda x: jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 1, 1, 3), (1, 1, 1, 1), "SAME"), "other axes than"),
        (lambda x: jax.lax.conv_transpose(x, jnp.ones((2, 2, 3, 4)), (2, 2), "SAME"), "transposed convolution"),
    ],
)
def test_what_onnx_does_not_get_is_said_in_one_line(function, message):
    with pytest.raises(UsageError, match=message) as caught:
        to_graph(lambda x: flat(function(x)), SHAPE, ("x", "y"))
    assert "\n" not in str(caught.value)


def test_without_onnx_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"needs the package onnx.*pip install onnx"):
        model_file.require_onnx()
