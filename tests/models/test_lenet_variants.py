"""Today's LeNet-5 and Caffe's, against torch with the same weights."""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.models.lenet_variants import CaffeLeNet, ModernLeNet5
from jaxcnn.runs.layer_table import model_table


@pytest.mark.parametrize(
    ("model", "params"),
    [
        # 156 + 2,416 + 48,120 + 10,164 + 850, and Caffe's 520 + 25,050 + 400,500 + 5,010
        (ModernLeNet5(), {"C1": 156, "S2": 0, "C3": 2_416, "S4": 0, "C5": 48_120, "F6": 10_164, "output": 850}),
        (CaffeLeNet(), {"conv1": 520, "pool1": 0, "conv2": 25_050, "pool2": 0, "ip1": 400_500, "ip2": 5_010}),
    ],
)
def test_parameters_of_every_layer(model, params):
    table = model_table(model, (28, 28, 1))
    assert {row.name: row.params for row in table.rows} == params
    assert table.total_params == {"ModernLeNet5": 61_706, "CaffeLeNet": 431_080}[type(model).__name__]


@pytest.mark.parametrize("activation", [nn.tanh, nn.relu])
def test_modern_equals_torch(activation):
    torch = pytest.importorskip("torch", reason="torch is the second source here")
    model = ModernLeNet5(activation=activation)
    act = {nn.tanh: torch.nn.Tanh, nn.relu: torch.nn.ReLU}[activation]
    twin = torch.nn.Sequential(
        *(torch.nn.Conv2d(1, 6, 5, padding=2), act(), torch.nn.AvgPool2d(2)),
        *(torch.nn.Conv2d(6, 16, 5), act(), torch.nn.AvgPool2d(2)),
        *(torch.nn.Flatten(), torch.nn.Linear(400, 120), act(), torch.nn.Linear(120, 84), act()),
        torch.nn.Linear(84, 10),
    )
    check_against_torch(torch, model, twin, {"C1": 0, "C3": 3, "C5": 7, "F6": 9, "output": 11}, first=(16, 5, 5))


def test_caffe_equals_torch():
    torch = pytest.importorskip("torch", reason="torch is the second source here")
    twin = torch.nn.Sequential(
        *(torch.nn.Conv2d(1, 20, 5), torch.nn.MaxPool2d(2), torch.nn.Conv2d(20, 50, 5), torch.nn.MaxPool2d(2)),
        *(torch.nn.Flatten(), torch.nn.Linear(800, 500), torch.nn.ReLU(), torch.nn.Linear(500, 10)),
    )
    check_against_torch(torch, CaffeLeNet(), twin, {"conv1": 0, "conv2": 2, "ip1": 5, "ip2": 7}, first=(50, 4, 4))


def check_against_torch(torch, model, twin, places, first):
    """Equal logits with equal weights; `first`: the picture (c, h, w) that the first dense layer sees."""
    images = np.random.default_rng(0).normal(size=(4, 28, 28, 1)).astype(np.float32)
    params = jax.jit(model.init, static_argnames="train")(jax.random.key(0), images, train=False)["params"]
    flattened = False
    with torch.no_grad():
        for name, place in places.items():
            kernel = np.array(params[name]["kernel"])
            if kernel.ndim == 4:
                kernel = kernel.transpose(3, 2, 0, 1)
            elif not flattened:  # torch flattens channels first
                channels, height, width = first
                kernel = kernel.reshape(height, width, channels, -1).transpose(3, 2, 0, 1).reshape(-1, kernel.shape[0])
                flattened = True
            else:
                kernel = kernel.T
            twin[place].weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel)))
            bias = np.linspace(-0.5, 0.5, params[name]["bias"].size, dtype=np.float32)
            params[name]["bias"] = jnp.asarray(bias)
            twin[place].bias.copy_(torch.from_numpy(bias))
        expected = twin(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    logits = jax.jit(model.apply, static_argnames="train")({"params": params}, images, train=True)
    chex.assert_trees_all_close(logits, expected, atol=1e-4)
