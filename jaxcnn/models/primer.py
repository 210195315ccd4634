"""The small network with which courses introduce CNNs, in Keras, on Fashion-MNIST (Géron 2019, ch. 14)."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from jaxcnn.models.kernels.relu import relu
from jaxcnn.models.layers.core import Conv, Dense, Dropout, Initializer
from jaxcnn.models.layers.initializers import GLOROT_UNIFORM
from jaxcnn.models.layers.module import CheckedModule
from jaxcnn.models.layers.pooling import MaxPool
from jaxcnn.models.layers.shapes import takes_images
from jaxcnn.ranges import Count, DropoutRate


class PrimerCNN(CheckedModule):
    """Five convolutions, three fully connected layers.

    Input: float32 [batch, 28, 28, 1]. Output: logits, float32 [batch, num_classes].
    """

    num_classes: Count = 10
    dropout_rate: DropoutRate = 0.5
    kernel_init: Initializer = GLOROT_UNIFORM  # Keras's default
    dtype: Any = jnp.float32

    @nn.compact
    @takes_images
    def __call__(
        self, images: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float32[Array, "batch {self.num_classes}"]:
        conv = partial(Conv, kernel_init=self.kernel_init, dtype=self.dtype)
        dense = partial(Dense, kernel_init=self.kernel_init, dtype=self.dtype)

        x = relu(conv(64, 7, padding=3, name="conv1")(images))  # 28×28×64
        x = MaxPool(2, 2, name="pool1")(x)  # 14×14×64
        x = relu(conv(128, 3, padding=1, name="conv2_1")(x))  # 14×14×128
        x = relu(conv(128, 3, padding=1, name="conv2_2")(x))  # 14×14×128
        x = MaxPool(2, 2, name="pool2")(x)  # 7×7×128
        x = relu(conv(256, 3, padding=1, name="conv3_1")(x))  # 7×7×256
        x = relu(conv(256, 3, padding=1, name="conv3_2")(x))  # 7×7×256
        x = MaxPool(2, 2, name="pool3")(x)  # 3×3×256
        x = relu(dense(128, name="fc1")(x))
        x = Dropout(self.dropout_rate, name="drop1")(x, train=train)
        x = relu(dense(64, name="fc2")(x))
        x = Dropout(self.dropout_rate, name="drop2")(x, train=train)
        return dense(self.num_classes, name="fc3")(x).astype(jnp.float32)
