"""Several neighbouring outputs at once give what plain `jax.lax` gives: values, gradients, second derivatives."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.models.forms.convolution import convolve
from jaxcnn.models.forms.neighbours import in_rows, neighbours_at_once
from jaxcnn.models.forms.plain import plain


def normal(*shape: int, seed: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


# 4, 11, 2 and 10 columns: some that `count` divides, some that it does not, fewer than one block. Up to 3 maps are
# given as pixels of a row, 6 as maps.
CASES = [
    *[(2, 8, ((0, 0), (0, 0)), 3), (4, 11, ((2, 2), (2, 2)), 3), (4, 6, ((0, 0), (0, 0)), 3)],
    *[(4, 11, ((1, 0), (0, 3)), 3), (4, 11, ((1, 0), (0, 3)), 6)],
]


@pytest.mark.parametrize(("count", "width", "padding", "inputs"), CASES)
def test_values_and_derivatives(count, width, padding, inputs):
    images, kernel = normal(2, 8, width, inputs, seed=0), normal(5, 5, inputs, 4, seed=1)
    toward = normal(*plain(images, kernel, (1, 1), padding).shape, seed=2)

    def score(form):
        return lambda *arrays: (jnp.tanh(form(*arrays) / 5) * toward).sum()

    ours = score(lambda images, kernel: in_rows(images, kernel, padding, count))
    xla = score(lambda images, kernel: plain(images, kernel, (1, 1), padding))
    chex.assert_trees_all_close(
        in_rows(images, kernel, padding, count), plain(images, kernel, (1, 1), padding), rtol=1e-5, atol=1e-5
    )
    gradients = [jax.grad(each, argnums=(0, 1)) for each in (ours, xla)]
    chex.assert_trees_all_close(*(jax.jit(each)(images, kernel) for each in gradients), rtol=1e-5, atol=1e-5)

    def along(gradient):
        return jax.grad(lambda *arrays: sum((part**2).sum() for part in gradient(*arrays)), argnums=(0, 1))

    chex.assert_trees_all_close(*(jax.jit(along(each))(images, kernel) for each in gradients), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("kernel", "count"),
    [
        *[((5, 5, 1, 6), 4), ((5, 5, 6, 16), 2), ((3, 3, 3, 16), 2), ((5, 5, 1, 96), 4)],
        *[((1, 1, 3, 6), 1), ((3, 3, 16, 16), 1), ((3, 3, 3, 64), 1)],
    ],
)
def test_few_maps_alone_take_this_form(kernel, count):
    weights = normal(*kernel, seed=0)
    assert neighbours_at_once(weights) == count
    stepped = jax.make_jaxpr(lambda images: convolve(images, weights, 1, kernel[0] // 2))(
        normal(1, 8, 8, kernel[2], seed=1)
    )
    assert ("name=in_rows" in str(stepped)) == (count > 1)


def test_a_stride_keeps_to_plain_lax():
    images, kernel = normal(2, 9, 9, 1, seed=0), normal(5, 5, 1, 6, seed=1)
    chex.assert_trees_all_close(
        convolve(images, kernel, 2, 2), plain(images, kernel, (2, 2), ((2, 2), (2, 2))), rtol=0, atol=0
    )
