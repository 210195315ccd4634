"""Network in Network: Lin, Chen & Yan, 2013.

A convolution followed by two 1×1 convolutions ("cccp": cascaded cross-channel parametric pooling) is a small
perceptron that slides over the image (§3.1). The last maps, one for each class, are averaged to its logit (§3.2).
The numbers of filters and the standard deviations are those of the authors' configuration files.
"""

from functools import partial
from typing import Any, Literal

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from jaxcnn.models.kernels.relu import relu
from jaxcnn.models.layers.core import Conv, Dropout, Initializer
from jaxcnn.models.layers.initializers import Constant, Normal
from jaxcnn.models.layers.module import CheckedModule
from jaxcnn.models.layers.pooling import AveragePool, GlobalAveragePool, MaxPool
from jaxcnn.models.layers.shapes import takes_images
from jaxcnn.ranges import Count, DropoutRate, OddCount

Widths = tuple[Count, Count, Count]


class NIN(CheckedModule):
    """The network for small images: CIFAR-10's by default, and `cifar100`, `mnist` and `svhn`.

    Input: float32 [batch, height, width, channels]. Output: logits, float32 [batch, num_classes], never
    negative: there is a ReLU before the average. The pools round up: 32 → 16 → 8 pixels.

    >>> NIN.mnist().num_classes, NIN.cifar100().num_classes
    (10, 100)
    """

    num_classes: Count = 10
    block1: Widths = (192, 160, 96)  # the convolution and its two 1×1 layers
    block2: Widths = (192, 192, 192)
    block3: tuple[Count, Count] = (192, 192)  # the third is num_classes
    kernel_sizes: tuple[OddCount, OddCount, OddCount] = (5, 5, 3)  # odd: padded by half, they keep the map's size
    pool2: Literal["max", "average"] = "max"  # "average": as in the authors' Caffe file
    dropout_rate: DropoutRate = 0.5  # §3.1: after all but the last block
    kernel_init: Initializer = Normal(0.05)
    conv1_init: Initializer = Normal(0.05)  # CIFAR-100: 0.001
    block1_init: Initializer = Normal(0.05)  # cccp1 and cccp2; CIFAR-100: 0.01
    output_bias: float = (
        0.0  # initial bias of cccp6: it keeps values above 0, so that the ReLU passes them; softmax ignores it
    )
    dtype: Any = jnp.float32

    @classmethod
    def cifar100(cls, **fields: Any) -> "NIN":
        """CIFAR-100's network: 100 classes, and smaller initial weights in the first block."""
        return cls(num_classes=100, conv1_init=Normal(0.001), block1_init=Normal(0.01)).clone(**fields)

    @classmethod
    def mnist(cls, **fields: Any) -> "NIN":
        """MNIST's network: narrower, with 5×5 filters in the third block."""
        net = cls(block1=(96, 64, 48), block2=(128, 96, 48), block3=(128, 96), kernel_sizes=(5, 5, 5))
        return net.clone(**fields)

    @classmethod
    def svhn(cls, **fields: Any) -> "NIN":
        """SVHN's network: wider after the first block, with 5×5 filters in the third."""
        net = cls(block1=(128, 96, 64), block2=(320, 256, 128), block3=(384, 256), kernel_sizes=(5, 5, 5))
        return net.clone(**fields)

    @nn.compact
    @takes_images
    def __call__(
        self, images: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float32[Array, "batch {self.num_classes}"]:
        conv = partial(Conv, kernel_init=self.kernel_init, dtype=self.dtype)
        k1, k2, k3 = self.kernel_sizes

        first = partial(conv, padding=k1 // 2, kernel_init=self.conv1_init)
        x = relu(first(self.block1[0], k1, name="conv1")(images))  # sizes are CIFAR's: 32×32×192
        x = relu(conv(self.block1[1], 1, kernel_init=self.block1_init, name="cccp1")(x))
        x = relu(conv(self.block1[2], 1, kernel_init=self.block1_init, name="cccp2")(x))  # 32×32×96
        x = MaxPool(3, 2, ceil=True, name="pool1")(x)  # 16×16×96
        x = Dropout(self.dropout_rate, name="drop1")(x, train=train)
        x = relu(conv(self.block2[0], k2, padding=k2 // 2, name="conv2")(x))
        x = relu(conv(self.block2[1], 1, name="cccp3")(x))
        x = relu(conv(self.block2[2], 1, name="cccp4")(x))  # 16×16×192
        pool2 = MaxPool if self.pool2 == "max" else AveragePool
        x = pool2(3, 2, ceil=True, name="pool2")(x)  # 8×8×192
        x = Dropout(self.dropout_rate, name="drop2")(x, train=train)
        x = relu(conv(self.block3[0], k3, padding=k3 // 2, name="conv3")(x))
        x = relu(conv(self.block3[1], 1, name="cccp5")(x))
        x = relu(conv(self.num_classes, 1, bias_init=Constant(self.output_bias), name="cccp6")(x))  # 8×8×10
        return GlobalAveragePool(name="gap")(x).astype(jnp.float32)


class ImageNetNIN(CheckedModule):
    """The authors' network for ImageNet, which the paper does not report (Caffe's model zoo).

    Input: float32 [batch, 224, 224, 3]. Output: logits, float32 [batch, num_classes], never negative.
    """

    num_classes: Count = 1000
    dropout_rate: DropoutRate = 0.5
    kernel_init: Initializer = Normal(0.05)
    outer_init: Initializer = Normal(0.01)  # conv1, conv3 and cccp8
    dtype: Any = jnp.float32

    @nn.compact
    @takes_images
    def __call__(
        self, images: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float32[Array, "batch {self.num_classes}"]:
        conv = partial(Conv, kernel_init=self.kernel_init, dtype=self.dtype)
        outer = partial(Conv, kernel_init=self.outer_init, dtype=self.dtype)

        x = relu(outer(96, 11, strides=4, name="conv1")(images))  # 54×54×96
        x = relu(conv(96, 1, name="cccp1")(x))
        x = relu(conv(96, 1, name="cccp2")(x))
        x = MaxPool(3, 2, ceil=True, name="pool0")(x)  # 27×27×96
        x = relu(conv(256, 5, padding=2, name="conv2")(x))
        x = relu(conv(256, 1, name="cccp3")(x))
        x = relu(conv(256, 1, name="cccp4")(x))  # 27×27×256
        x = MaxPool(3, 2, ceil=True, name="pool2")(x)  # 13×13×256
        x = relu(outer(384, 3, padding=1, name="conv3")(x))
        x = relu(conv(384, 1, name="cccp5")(x))
        x = relu(conv(384, 1, name="cccp6")(x))  # 13×13×384
        x = MaxPool(3, 2, ceil=True, name="pool3")(x)  # 6×6×384
        x = Dropout(self.dropout_rate, name="drop")(x, train=train)
        x = relu(conv(1024, 3, padding=1, name="conv4")(x))
        x = relu(conv(1024, 1, name="cccp7")(x))
        x = relu(outer(self.num_classes, 1, name="cccp8")(x))  # 6×6×1000
        return GlobalAveragePool(name="pool4")(x).astype(jnp.float32)
