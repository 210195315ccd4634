"""Networks in torch, written layer by layer beside ours, for the tests that compare the two."""

from typing import Any

import numpy as np


class TorchLayers:
    """A torch network's layers under the names that ours have, made when first used, in double precision."""

    def __init__(self, torch):
        self.torch = torch
        self.made: dict[str, Any] = {}
        self.train = False
        self.smooth = False

    def relu(self, x):
        return self.torch.nn.functional.elu(x) if self.train and self.smooth else self.torch.relu(x)

    def apply(self, name, x, make):
        if name not in self.made:
            self.made[name] = make().double()
        return self.made[name].train(self.train)(x)

    def conv(self, name, x, features, size, stride=1, padding=0, bias=True):
        make = self.torch.nn.Conv2d
        return self.apply(name, x, lambda: make(x.shape[1], features, size, stride, padding, bias=bias))

    def linear(self, name, x, features):
        """A map is flattened with the channels last, as our arrays are laid out."""
        x = x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x
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
