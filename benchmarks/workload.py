"""What a contender of `train_step.py` is given, in words that every library understands. Imports none of them."""

import dataclasses
import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import networks

BATCHES = 4  # that take turns
MEAN, SCALE = 127.5, 1 / 73.9  # of pixels that are equally often each of 0–255
BORDER = {"train": 0, "evaluation": 0, "ten_crop": 29}  # pixels beyond the crop's: 256 − 227

Name = tuple[str, str, str]  # ("params" or "batch_stats", layer, leaf) with our names of leaves


@dataclasses.dataclass(frozen=True, kw_only=True)
class Workload:
    """A network of `networks` and its recipe: momentum, with the loss and the decay of its experiment."""

    name: str
    function: str  # in `networks`
    size: int  # pixels
    channels: int
    classes: int
    batch_size: int
    rate: float
    momentum: float
    weight_decay: float
    decay_biases: bool
    bias_rate: float  # times the rate, for everything but kernels
    aux_weight: float  # of each auxiliary head's loss
    drop: bool  # with dropout

    @property
    def network(self) -> Callable[..., Any]:
        return getattr(networks, self.function)

    def batches(self, job: str) -> list[dict[str, np.ndarray]]:
        """{"image": uint8 [batch, height, width, channels], "label": int32 [batch]}, the same for everybody."""
        generator = np.random.default_rng(1)
        side = self.size + BORDER[job]
        shape = (self.batch_size, side, side, self.channels)
        return [
            {
                "image": generator.integers(0, 256, shape, dtype=np.uint8),
                "label": generator.integers(0, self.classes, self.batch_size, dtype=np.int32),
            }
            for _ in range(BATCHES)
        ]


def normalised(images: np.ndarray) -> np.ndarray:
    """uint8 pictures as the network's float32 input; ours does this within its step."""
    return (images.astype(np.float32) - np.float32(MEAN)) * np.float32(SCALE)


def draw(name: Name, shape: tuple[int, ...]) -> np.ndarray:
    """Random values of one parameter or statistic, in our layout; they depend on its name and shape alone.

    He's normal for kernels; biases, scales and running statistics a little off their usual values, so that one that is
    forgotten somewhere shows.
    """
    generator = np.random.default_rng(zlib.crc32("/".join(name).encode()))
    if name[-1] == "kernel":
        return np.float32(math.sqrt(2 / math.prod(shape[:-1]))) * generator.standard_normal(shape, np.float32)
    off = 0.1 * generator.standard_normal(shape, np.float32).clip(-3, 3)
    return (1 + off if name[-1] in ("scale", "var") else off).astype(np.float32)
