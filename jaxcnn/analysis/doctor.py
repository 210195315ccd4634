"""A check of this machine: devices, versions, a test of the compiler, data sets, speed of decoding."""

import io
import os
import time
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxcnn.data.datasets import DATA_SETS
from jaxcnn.data.decoding.decode import decode
from jaxcnn.data.embedded import Photos
from jaxcnn.data.sources import data_folder, is_prepared
from jaxcnn.parallel.compilation import check_compiling, compile_step
from jaxcnn.runs.folder import versions
from jaxcnn.runtime.host_memory import has_large_pages

# Optional packages, by the names that pyproject.toml gives them → the modules that they bring.
EXTRAS = {"export": ("onnx", "onnxruntime"), "keras": ("h5py",), "bench": ("torch",)}


def doctor(data_dir: str | None = None) -> dict[str, Any]:
    """Checks the machine.

    Returns:
      {"devices", "versions", "xla_flags", "large_pages" (`host_memory`; steps on CPU gain by them), "canaries":
      {"default", "our_options"} (the relative error of a batched matrix product that one compiler gets wrong),
      "healthy", "data_dir", "data": {name: prepared?}, "extras": {name: installed?}, "decode_images_per_second" (one
      core, 500×375 JPEG to 256×256)}.
    """
    check_compiling()
    canaries = {"default": canary(ours=False), "our_options": canary(ours=True)}
    return {
        "devices": [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()],
        "versions": versions(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "large_pages": has_large_pages(),
        "canaries": canaries,
        "healthy": all(error < 1e-3 for error in canaries.values()),
        "data_dir": str(data_folder(data_dir)),
        "data": {name: is_prepared(name, data_dir) for name in DATA_SETS},
        "extras": {name: all(map(find_spec, modules)) for name, modules in EXTRAS.items()},
        "decode_images_per_second": decode_speed(),
    }


def canary(*, ours: bool) -> float:
    """The relative error of Σ (E·½1)∘E over five 60×60 matrices, which some versions of jaxlib compute wrongly.

    The default fusion on CPU has this error since jaxlib 0.10.2.

    Args:
      ours: whether to compile with the options of our steps, instead of those of other code in this process.
    """
    matrices = np.random.default_rng(2).normal(size=(5, 60, 60)).astype(np.float32)
    halves = np.full((60, 60), 0.5, np.float32)
    lowered = jax.jit(lambda matrices: (jnp.matmul(matrices, halves) * matrices).sum()).lower(matrices)
    compiled = compile_step(lowered, jax.devices()[0].platform) if ours else lowered.compile()
    wide = matrices.astype(np.float64)
    expected = ((wide @ halves.astype(np.float64)) * wide).sum()
    return float(abs(float(compiled(matrices)) - expected) / abs(expected))


def decode_speed(seconds: float = 0.5) -> float:
    """Images per second that one core decodes, resizes and crops: 500×375 JPEG, quality 90, to 256×256."""
    image = Image.fromarray(np.asarray(Photos("train")[0]["image"])).resize((500, 375))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    encoded, count = buffer.getvalue(), 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        decode(encoded, size=256, channels=3)
        count += 1
    return count / (time.perf_counter() - began)
