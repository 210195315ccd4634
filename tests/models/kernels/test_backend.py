"""Which kernels a program takes follows from the devices that it is compiled for, not from those of the process."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType

from jaxcnn.models.kernels import backend
from jaxcnn.models.kernels.backend import KERNELS, Target, compiled_for, reference_kernels, without_kernels
from jaxcnn.models.kernels.padded_matmul import times
from jaxcnn.models.kernels.relu import relu
from jaxcnn.models.layers.batch_norm import BatchNorm
from jaxcnn.models.layers.core import Conv, Dense
from jaxcnn.models.layers.local_response_norm import LocalResponseNorm
from jaxcnn.models.layers.pooling import AveragePool, MaxPool

# Name → what takes this kernel, and the shape of its input.
TAKEN = {
    "average_pool": (AveragePool(2, 2), (2, 6, 6, 3)),
    "batch_norm": (partial(BatchNorm().init_with_output, jax.random.key(0), train=True), (4, 3)),
    "dense": (Dense(4096), (2, 512)),
    "im2col": (Conv(6, 5), (2, 9, 9, 1)),
    "max_pool": (MaxPool(2, 2), (2, 6, 6, 3)),
    "padded_matmul": (lambda rows: times(rows, jnp.ones((3, 512))), (2, 3)),
    "patches": (Conv(5, 3), (2, 4, 4, 8)),
    "pointwise": (Conv(5, 1), (2, 4, 4, 3)),
    "reductions": (Conv(6, 7), (2, 9, 9, 8)),
    "relu": (relu, (3,)),
    "response_norm": (LocalResponseNorm(), (2, 3, 3, 8)),
    "row_blocked": (Conv(16, 5), (2, 9, 9, 6)),
    "winograd": (Conv(64, 3, padding=1), (2, 16, 16, 64)),
}


def traced(name: str) -> str:
    layer, shape = TAKEN[name]
    if hasattr(layer, "init_with_output"):
        layer = partial(layer.init_with_output, jax.random.key(0))
    return str(jax.make_jaxpr(lambda inputs: layer(inputs))(jnp.zeros(shape)))


@pytest.mark.parametrize("name", KERNELS)
def test_each_kernel_is_for_cpu_and_can_be_disabled(name):
    with compiled_for("cpu", 1):
        with_it = traced(name)
        with without_kernels(name):
            without = traced(name)
        with without_kernels(*(each for each in KERNELS if each != name)):
            assert traced(name) != without
        with reference_kernels():
            reference = traced(name)
    with compiled_for("gpu", 1):
        assert traced(name) == reference
    assert with_it != without


@pytest.mark.parametrize(("default", "platform"), [("gpu", "cpu"), ("cpu", "gpu")])
def test_the_platform_is_that_of_the_program_not_of_the_process(monkeypatch, default, platform):
    """A program for the host beside a GPU has the host's kernels, and the other way round."""
    monkeypatch.setattr(jax, "default_backend", lambda: default)
    with compiled_for(platform, 1):
        assert ("custom_vjp" in traced("relu")) == (platform == "cpu")
    assert ("custom_vjp" in traced("relu")) == (default == "cpu")


def test_without_a_word_it_is_one_default_device_or_the_mesh():
    assert backend.target() == Target("cpu", 1) and jax.device_count() == 8
    mesh = jax.make_mesh((4, 2), ("data", "model"), axis_types=(AxisType.Auto, AxisType.Auto))
    with jax.set_mesh(mesh):
        assert backend.target() == Target("cpu", 8) and not backend.single_device()
    for device in ("cpu", jax.devices()[3]):
        with jax.default_device(device):
            assert backend.target() == Target("cpu", 1)


def test_a_function_traced_for_one_target_is_traced_again_for_another():
    """JAX keeps what it has traced; the kernels of another target would be wrong."""

    def values(inputs):
        return relu(inputs)

    texts = []
    for target in (("cpu", 1), ("gpu", 1), ("cpu", 1)):
        with compiled_for(*target):
            texts.append(jax.jit(values).lower(jnp.zeros(3)).as_text())
    assert texts[0] == texts[2] != texts[1]


def test_targets_end_with_their_block():
    with compiled_for("gpu", 2):
        with pytest.raises(ZeroDivisionError), compiled_for("cpu", 4), without_kernels("relu"):
            assert backend.target() == Target("cpu", 4) and not backend.use_kernel("relu")
            raise ZeroDivisionError
        assert backend.target() == Target("gpu", 2)
    assert backend.use_kernel("relu")
    np.testing.assert_array_equal(sorted(TAKEN), sorted(KERNELS))
