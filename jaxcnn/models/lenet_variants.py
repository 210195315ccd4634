"""Two networks that are called LeNet-5 but differ from the paper's: the textbooks' and Caffe's."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from jaxcnn.models.kernels.relu import relu
from jaxcnn.models.layers.core import Conv, Dense, Initializer
from jaxcnn.models.layers.initializers import CAFFE_XAVIER, GLOROT_UNIFORM
from jaxcnn.models.layers.module import CheckedModule
from jaxcnn.models.layers.pooling import AveragePool, MaxPool
from jaxcnn.models.layers.shapes import takes_images
from jaxcnn.ranges import Count


class ModernLeNet5(CheckedModule):
    """LeNet-5 as textbooks have it: full C3, average pooling, softmax; 61,706 parameters for 10 classes.

    Input: float32 [batch, 28, 28, channels]. Output: logits, float32 [batch, num_classes]. Other sizes give other
    numbers of parameters.
    """

    num_classes: Count = 10
    activation: Callable[[jax.Array], jax.Array] = nn.tanh
    kernel_init: Initializer = GLOROT_UNIFORM
    dtype: Any = jnp.float32

    @nn.compact
    @takes_images
    def __call__(
        self, images: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float32[Array, "batch {self.num_classes}"]:
        del train
        options: dict[str, Any] = {"kernel_init": self.kernel_init, "dtype": self.dtype}
        x = self.activation(Conv(6, 5, padding=2, **options, name="C1")(images))  # 28×28
        x = AveragePool(2, 2, name="S2")(x)  # 14×14
        x = self.activation(Conv(16, 5, **options, name="C3")(x))  # 10×10
        x = AveragePool(2, 2, name="S4")(x)  # 5×5
        x = self.activation(Dense(120, **options, name="C5")(x))
        x = self.activation(Dense(84, **options, name="F6")(x))
        return Dense(self.num_classes, **options, name="output")(x).astype(jnp.float32)


class CaffeLeNet(CheckedModule):
    """Caffe's `examples/mnist/lenet`: 431,080 parameters; its only nonlinearity is the ReLU after ip1.

    Input: float32 [batch, 28, 28, 1], 0–1. Output: logits, float32 [batch, num_classes].
    """

    num_classes: Count = 10
    kernel_init: Initializer = CAFFE_XAVIER
    dtype: Any = jnp.float32

    @nn.compact
    @takes_images
    def __call__(
        self, images: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float32[Array, "batch {self.num_classes}"]:
        del train
        options: dict[str, Any] = {"kernel_init": self.kernel_init, "dtype": self.dtype}
        x = Conv(20, 5, **options, name="conv1")(images)  # 24×24
        x = MaxPool(2, 2, name="pool1")(x)  # 12×12
        x = Conv(50, 5, **options, name="conv2")(x)  # 8×8
        x = MaxPool(2, 2, name="pool2")(x)  # 4×4
        x = relu(Dense(500, **options, name="ip1")(x))
        return Dense(self.num_classes, **options, name="ip2")(x).astype(jnp.float32)
