"""A linear network on the embedded digits: quick to compile, and to be computed again by NumPy.

Experiments of other small networks in the tests are `dataclasses.replace(LINEAR, …)`.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import pytest

from jaxcnn.config.experiment import Experiment, Paper
from jaxcnn.config.inputs import Inputs
from jaxcnn.models.layers.core import Dense
from jaxcnn.optim.losses import SoftmaxCrossEntropy
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.schedules import Constant


class Linear(nn.Module):
    num_classes: int = 10
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images, *, train: bool):
        del train
        return Dense(self.num_classes, name="fc", dtype=self.dtype)(images).astype(jnp.float32)


LINEAR = Experiment(
    paper=Paper(title="t", authors="a", year=2000, venue="v"),
    model=Linear(),
    data="digits",
    inputs=Inputs(size=8, channels=1, stored_size=8, mean=64.0, scale=1 / 255),
    loss=SoftmaxCrossEntropy(),
    optimizer=Momentum(),
    schedule=Constant(0.1),
    batch_size=16,
    steps=20,
    name="linear",
    variant="test",
)


@pytest.fixture(scope="session")
def linear() -> Experiment:
    return LINEAR
