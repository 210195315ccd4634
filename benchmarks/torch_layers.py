"""The layers of `networks` in torch, under our names: for the benchmark, and for the tests that compare with torch."""

from typing import Any

import numpy as np


class TorchLayers:
    """A network's layers, made when first used. Pictures are NCHW."""

    def __init__(self, torch: Any, *, double: bool = True, train: bool = False) -> None:
        """
        Args:
          torch: the module; tests run without it.
          double: in double precision.
          train: also the state of dropout, which is off unless `drop` says otherwise.
        """
        self.torch, self.double = torch, double
        self.made: dict[str, Any] = {}
        self.maps: dict[str, tuple[int, ...]] = {}  # dense layer → the map [channels, height, width] that it sees
        self.smooth = self.drop = self.channels_first = False
        self._train = train

    @property
    def train(self) -> bool:
        return self._train

    @train.setter
    def train(self, value: bool) -> None:
        self._train = value
        for layer in self.made.values():
            layer.train(value)

    def apply(self, name, x, make):
        if name not in self.made:
            layer = make().train(self._train)
            self.made[name] = layer.double() if self.double else layer
        return self.made[name](x)

    def relu(self, x):
        return self.torch.nn.functional.elu(x) if self._train and self.smooth else self.torch.relu(x)

    def conv(self, name, x, features, size, stride=1, padding=0, bias=True, groups=1):
        make, options = self.torch.nn.Conv2d, {"bias": bias, "groups": groups}
        return self.apply(name, x, lambda: make(x.shape[1], features, size, stride, padding, **options))

    def linear(self, name, x, features):
        """A map is flattened with the channels last, as ours are, or as torch does it, with `channels_first`."""
        if x.ndim == 4:
            if name not in self.maps:
                self.maps[name] = tuple(x.shape[1:])
            x = (x if self.channels_first else x.permute(0, 2, 3, 1)).flatten(1)
        return self.apply(name, x, lambda: self.torch.nn.Linear(x.shape[1], features))

    def norm(self, name, x, epsilon=1e-5):
        def make():
            layer = self.torch.nn.BatchNorm2d(x.shape[1], eps=epsilon)
            for values, low, high in (
                (layer.weight, 0.5, 1.5),
                (layer.bias, -0.2, 0.2),
                (layer.running_mean, -0.2, 0.2),
                (layer.running_var, 0.5, 1.5),
            ):
                self.torch.nn.init.uniform_(values, low, high)
            return layer

        return self.apply(name, x, make)

    def max_pool(self, x, size, stride, padding=0, ceil=False):
        return self.torch.nn.functional.max_pool2d(x, size, stride, padding, ceil_mode=ceil)

    def average_pool(self, x, size, stride):
        return self.torch.nn.functional.avg_pool2d(x, size, stride)

    def adaptive_average(self, x, size):
        return self.torch.nn.functional.adaptive_avg_pool2d(x, size)

    def respond(self, x, groups=1):
        """AlexNet's response normalisation, each group of channels by itself; torch divides α by 5."""
        norm = self.torch.nn.functional.local_response_norm
        parts = [norm(part, 5, alpha=5 * 1e-4, beta=0.75, k=2.0) for part in x.chunk(groups, 1)]
        return parts[0] if groups == 1 else self.torch.cat(parts, 1)

    def dropout(self, x, rate):
        return self.torch.nn.functional.dropout(x, rate, training=self._train and self.drop)

    def concatenate(self, parts):
        return self.torch.cat(parts, 1)

    def mean(self, x):
        return x.mean((2, 3))

    def every_second_with_zeros(self, x):
        x = x[:, :, ::2, ::2]
        return self.torch.cat([x, self.torch.zeros_like(x)], dim=1)

    def values(self, gradients: bool) -> dict[tuple[str, ...], np.ndarray]:
        """Parameters (or their gradients) and batch statistics, by (collection, layer, our leaf name)."""
        values = {}
        for name, layer in self.made.items():
            is_norm = isinstance(layer, self.torch.nn.BatchNorm2d)
            for leaf, tensor in layer.named_parameters():
                array = (tensor.grad if gradients else tensor.detach()).numpy()
                axes = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[array.ndim]
                ours = leaf if leaf == "bias" else ("scale" if is_norm else "kernel")
                values["params", name, ours] = array.transpose(axes).copy()
            if is_norm:
                values["batch_stats", name, "mean"] = layer.running_mean.numpy().copy()
                values["batch_stats", name, "var"] = layer.running_var.numpy().copy()
        return values

    def load(self, values: dict[tuple[str, ...], np.ndarray]) -> None:
        """Sets some of what `values` gives, of layers that are made."""
        with self.torch.no_grad():
            for (collection, name, leaf), array in values.items():
                layer = self.made[name]
                if array.ndim == 4:
                    array = array.transpose(3, 2, 0, 1)
                elif array.ndim == 2 and self.channels_first and name in self.maps:
                    channels, height, width = self.maps[name]
                    array = array.reshape(height, width, channels, -1).transpose(3, 2, 0, 1).reshape(array.shape[1], -1)
                elif array.ndim == 2:
                    array = array.T
                target = f"running_{leaf}" if collection == "batch_stats" else {"bias": "bias"}.get(leaf, "weight")
                getattr(layer, target).copy_(self.torch.from_numpy(np.ascontiguousarray(array)))
