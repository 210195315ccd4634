"""Programs get the kernels for the devices that they are compiled for, whatever else the process has."""

import chex
import jax
import numpy as np
import pytest

from jaxcnn.models.kernels import winograd
from jaxcnn.models.kernels.convolution import convolve
from jaxcnn.parallel.devices import Devices

# Kernel → shapes of images and weights. On one device the weights' gradient is this kernel's, too; several would add up
# its zeros or its 16 places, and take the plain convolution.
CONVOLUTIONS = {"im2col": ((8, 12, 12, 1), (5, 5, 1, 6)), "winograd": ((8, 10, 10, 16), (3, 3, 16, 16))}


def compiled_step(name: str, devices: Devices) -> tuple[str, np.ndarray]:
    """(The optimised program, the gradient of the weights.)"""

    def step(state, batch):  # a function of its own each time: JAX keeps what it has traced
        return (jax.grad(lambda weights: (convolve(batch["image"], weights) ** 2).sum())(state["weights"]),)

    shapes, generator = CONVOLUTIONS[name], np.random.default_rng(0)
    images, weights = (generator.normal(size=shape).astype(np.float32) for shape in shapes)
    state, batch = devices.replicate({"weights": weights}), devices.shard_batch({"image": images})
    compiled = devices.compile(step, state, batch)
    return compiled.as_text(), np.asarray(compiled(state, batch)[0])


@pytest.fixture
def few_maps(monkeypatch):
    """F(2×2, 3×3) for small convolutions too."""
    for limit in ("FEW_MAPS", "FEW_MAPS_OF_KERNEL"):
        monkeypatch.setattr(winograd, limit, 0)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_one_device_out_of_eight_and_eight(few_maps, name):
    assert jax.device_count() == 8
    one, gradient = compiled_step(name, Devices(devices=jax.devices()[:1]))
    eight, shared = compiled_step(name, Devices())
    assert " convolution(" not in one and " convolution(" in eight
    assert " all-reduce(" not in one and " all-reduce(" in eight
    chex.assert_trees_all_close(gradient, shared, rtol=1e-4, atol=1e-4 * np.abs(shared).max())


def test_one_device_out_of_eight_evaluates_as_one(few_maps):
    seen = []

    def evaluate(variables, batch):
        seen.append(winograd.single_device())
        return variables["weights"].sum() + batch["image"].sum()

    for devices in (Devices(devices=jax.devices()[:1]), Devices()):
        variables, batch = devices.replicate({"weights": np.ones(3)}), devices.shard_rows({"image": np.ones(8)})
        devices.compile_evaluation(evaluate, variables, batch)
    assert seen == [True, False]


def test_beside_a_gpu_a_program_for_the_host_has_the_hosts_kernels(few_maps, monkeypatch):
    """The process's default platform is another one; `compile` asks the devices that it is for."""
    devices = Devices(devices=jax.devices()[:1])
    expected, gradient = compiled_step("winograd", devices)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    beside, found = compiled_step("winograd", devices)
    assert " convolution(" not in beside and " convolution(" not in expected
    chex.assert_trees_all_equal(found, gradient)
