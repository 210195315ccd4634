"""The memory of this machine, and its speed at the two operations of which networks consist."""

import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.models.layers.core import convolve
from jaxcnn.parallel.compilation import compile_step
from jaxcnn.runtime import process_memory

REPEATS = 5
# Sides of a matrix; batch, height and channels of a 3×3 convolution: some ten milliseconds of work each.
SIZES = {"cpu": (1024, (8, 28, 64))}
LARGE = (8192, (128, 56, 256))


def operations_a_second(device: Any, precision: str) -> dict[str, float]:
    """{"matrix_product", "convolution"}: floating-point operations per second on one device, the median of five.

    The convolution is 3×3 and includes both gradients, as in a train step.
    """
    side, (rows, height, channels) = SIZES.get(device.platform, LARGE)
    dtype = jnp.dtype(precision)
    matrix = jnp.ones((side, side), dtype)
    images = jnp.ones((rows, height, height, channels), dtype)
    kernel = jnp.full((3, 3, channels, channels), 0.01, dtype)

    def gradients(images: jax.Array, kernel: jax.Array) -> Any:
        outputs, pull_back = jax.vjp(lambda x, w: convolve(x, w, padding=1), images, kernel)
        return pull_back(outputs)

    return {
        "matrix_product": 2 * side**3 / _seconds(jnp.matmul, device, matrix, matrix),
        "convolution": 3 * 2 * rows * height**2 * 9 * channels**2 / _seconds(gradients, device, images, kernel),
    }


def _seconds(function: Any, device: Any, *arguments: jax.Array) -> float:
    placed = jax.device_put(arguments, device)
    compiled = compile_step(jax.jit(function).lower(*placed), device.platform)
    times = []
    for _ in range(1 + REPEATS):
        began = time.perf_counter()
        jax.block_until_ready(compiled(*placed))
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def device_memory(device: Any) -> int | None:
    """Bytes that a program may use on this device; on CPU what the machine has left. None where nobody says."""
    if device.platform == "cpu":
        return process_memory.available_bytes()
    statistics_ = device.memory_stats() or {}
    return statistics_.get("bytes_limit")
