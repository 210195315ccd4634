"""Average pooling whose windows reach beyond the map, as Caffe has it."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.models.layers.pooling import AveragePool, average_inside

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("side", "size", "strides"), [(16, 3, 2), (32, 3, 2), (15, 3, 2), (7, 5, 3), (9, 5, 3), (8, 2, 2)]
)
def test_windows_that_reach_beyond_the_map_average_what_is_inside(side, size, strides):
    maps = np.random.default_rng(0).normal(size=(2, side, side + 1, 3)).astype(np.float32)
    pool = torch.nn.functional.avg_pool2d
    theirs = pool(torch.from_numpy(maps.transpose(0, 3, 1, 2)), size, strides, ceil_mode=True)
    ours = AveragePool(size, strides, ceil=True).apply({}, jnp.asarray(maps))
    np.testing.assert_allclose(ours, theirs.numpy().transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-6)


def test_without_rounding_up_nothing_changes():
    maps = jnp.asarray(np.random.default_rng(0).normal(size=(1, 15, 15, 2)).astype(np.float32))
    plain, ceil = (AveragePool(3, 2, ceil=ceil).apply({}, maps) for ceil in (False, True))  # 15 pixels need no more
    np.testing.assert_array_equal(plain, ceil)


def test_only_the_pixels_of_the_map_count():
    """A map in the upper left of a larger array, as whole images lie in a batch."""
    maps = np.random.default_rng(0).normal(size=(1, 9, 9, 2)).astype(np.float32)
    around = np.full((1, 12, 12, 2), 7.0, np.float32)
    around[:, :9, :9] = maps
    inside = np.zeros((1, 12, 12, 1), bool)
    inside[:, :9, :9] = True
    found = average_inside(jnp.asarray(around), 5, 3, jnp.asarray(inside))
    alone = average_inside(jnp.asarray(maps), 5, 3)
    np.testing.assert_allclose(found[:, :3, :3], alone, rtol=1e-6)
