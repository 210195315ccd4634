"""Caffe's networks by torch, channels first, which write themselves as files of weights by protobuf's wire format.

A network is written down as it computes: each method applies a layer to `maps` and keeps its arrays and settings.
"""

from typing import Any

import numpy as np
import torch
from caffe_files import caffemodel, field
from torch.nn import functional


class CaffeByTorch:
    """A network of random weights, seed 0; see the module. kinds: layer → (its type, arrays, settings)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.layers: dict[str, tuple[str, list[np.ndarray], bytes]] = {}
        self._draw = np.random.default_rng(0)

    def _random(self, name: str, kind: str, *shapes: tuple[int, ...]) -> list[torch.Tensor]:
        fan_in = np.prod(shapes[0][1:])
        scales = [(2 / fan_in) ** 0.5, 0.1]
        arrays = [self._draw.normal(0, scale, shape) for scale, shape in zip(scales, shapes, strict=False)]
        arrays = [array.astype(np.float32) for array in arrays]
        self.layers[name] = (kind, arrays, b"")
        return [torch.from_numpy(array).double() for array in arrays]

    def conv(
        self, maps: torch.Tensor, name: str, outputs: int, size: int, stride: int = 1, pad: int = 0, **more: Any
    ) -> torch.Tensor:
        """A convolution. more: `group` (1), `bias` (True)."""
        group, bias = more.get("group", 1), more.get("bias", True)
        shapes = [(outputs, maps.shape[1] // group, size, size), *([(outputs,)] if bias else [])]
        weights = self._random(name, "Convolution", *shapes)
        return functional.conv2d(maps, *weights, stride=stride, padding=pad, groups=group)

    def unit(self, maps: torch.Tensor, name: str, *args: int, **more: Any) -> torch.Tensor:
        """A convolution and its ReLU."""
        return functional.relu(self.conv(maps, name, *args, **more))

    def dense(self, maps: torch.Tensor, name: str, outputs: int) -> torch.Tensor:
        """A fully connected layer over the flattened maps: channels, then rows, then columns."""
        flat = maps.flatten(1)
        return functional.linear(flat, *self._random(name, "InnerProduct", (outputs, flat.shape[1]), (outputs,)))

    def pool(
        self, maps: torch.Tensor, name: str, size: int, stride: int, kind: str = "max", pad: int = 0
    ) -> torch.Tensor:
        """Pooling; the number of windows is rounded up."""
        self.layers[name] = ("Pooling", [], field(1, {"max": 0, "average": 1}[kind]))
        function = functional.max_pool2d if kind == "max" else functional.avg_pool2d
        return function(maps, size, stride, pad, ceil_mode=True)

    def lrn(self, maps: torch.Tensor, name: str) -> torch.Tensor:
        """Local response normalisation with the releases' constants."""
        self.layers[name] = ("LRN", [], field(1, 5) + field(2, 1e-4) + field(3, 0.75))
        return functional.local_response_norm(maps, 5, alpha=1e-4, beta=0.75, k=1.0)

    def batch_norm(self, maps: torch.Tensor, norm: str, scale: str, factor: float = 0.25) -> torch.Tensor:
        """Batch normalisation by sums with a factor, then a layer of scale and bias."""
        channels = maps.shape[1]
        mean, var, gain, bias = (self._draw.uniform(0.1, 1.1, channels).astype(np.float32) for _ in range(4))
        sums = [mean * np.float32(factor), var * np.float32(factor), np.array([factor], np.float32)]
        self.layers[norm], self.layers[scale] = ("BatchNorm", sums, b""), ("Scale", [gain, bias], b"")
        values = [torch.from_numpy(value).double() for value in (mean, var, gain, bias)]
        return functional.batch_norm(maps, *values, eps=1e-5)

    def file(self, generation: str = "today", *, settings: bool = True, double: bool = False) -> bytes:
        """The file. settings: whether it has those of LRN and pooling, as files that Caffe wrote have."""
        layers = {name: (kind, arrays) for name, (kind, arrays, _) in self.layers.items()}
        own = {name: setting for name, (_, _, setting) in self.layers.items() if settings and setting}
        return caffemodel(self.name, layers, generation, settings=own, double=double)
