"""AlexNet: Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012.

The one-tower network is Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from jaxcnn.models.kernels.relu import relu
from jaxcnn.models.layers.core import Conv, Dense, Dropout, Initializer
from jaxcnn.models.layers.initializers import HE_FAN_IN, Constant, Normal
from jaxcnn.models.layers.local_response_norm import LocalResponseNorm
from jaxcnn.models.layers.module import CheckedModule
from jaxcnn.models.layers.pooling import MaxPool
from jaxcnn.models.layers.shapes import takes_images
from jaxcnn.models.sharding.towers import gather_towers, shard_towers
from jaxcnn.ranges import Count, DropoutRate, NonNegative, Positive, RangeError

Maps = tuple[Count, Count, Count, Count, Count]  # of conv1 … conv5


class AlexNet(CheckedModule):
    """The network of 2012: two towers, connected at conv3 and in the fully connected layers.

    Input: float32 [batch, 227, 227, 3], mean-subtracted. Output: logits, float32 [batch, num_classes].
    Deviation: 227 pixels, where §3.5 says 224: its own 55×55 maps need 227 without padding. (The authors' code
    rounds the number of windows up, which makes 55 of 224.)

    >>> init = partial(AlexNet().init, train=False)
    >>> variables = jax.eval_shape(init, jax.random.key(0), jnp.zeros((1, 227, 227, 3)))
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    60965224
    """

    num_classes: Count = 1000
    features: Maps = (96, 256, 384, 384, 256)  # §3.5
    hidden_units: Count = 4096  # §3.5
    towers: Count = 2  # §3.2: conv2, conv4 and conv5 see only the maps of their own tower
    dropout_rate: DropoutRate = 0.5  # §4.2, in the first two fully connected layers
    activation: Callable[[jax.Array], jax.Array] = relu  # §3.1, which compares it with tanh
    use_lrn: bool = True  # §3.3: it takes 1.4 / 1.2 points off the top-1 / top-5 error
    lrn_k: Positive = 2.0  # §3.3; Caffe: 1
    lrn_alpha: NonNegative = 1e-4  # §3.3, not divided by n = 5; Caffe divides it
    pool_size: Count = 3  # §3.4: overlapping, 3 at stride 2; 2 does not overlap
    # The paper's towers first meet at conv3 (§3.2), so each normalises over its own maps; Caffe normalises over all.
    norm_across_towers: bool = False
    pool_first: bool = False  # CaffeNet pools before the normalisation, the paper after it
    kernel_init: Initializer = Normal(0.01)  # §5
    bias_value: float = 1.0  # §5: conv2, conv4, conv5 and the hidden fully connected layers; 0 elsewhere
    dtype: Any = jnp.float32

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(count % self.towers for count in self.features):
            raise RangeError(f"features (={self.features}) must each be divisible by towers (={self.towers}).")

    @classmethod
    def as_in_caffe(cls, **fields: Any) -> "AlexNet":
        """Caffe's bvlc_alexnet; with `pool_first=True`, CaffeNet.

        It normalises over the maps of both towers, with k = 1 and α divided by n.

        Args:
          **fields: other fields of the network.
        """
        norm = LocalResponseNorm.from_caffe(alpha=1e-4)
        return cls(norm_across_towers=True, lrn_k=norm.k, lrn_alpha=norm.alpha).clone(**fields)

    @nn.compact
    @takes_images
    def __call__(
        self, images: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float32[Array, "batch {self.num_classes}"]:
        conv = partial(Conv, kernel_init=self.kernel_init, dtype=self.dtype)
        dense = partial(Dense, kernel_init=self.kernel_init, dtype=self.dtype)
        positive = Constant(self.bias_value)
        f1, f2, f3, f4, f5 = self.features

        x = self.activation(shard_towers(conv(f1, 11, strides=4, name="conv1")(images)))  # 55×55×96
        x = self.normalise_and_pool(x, 1)  # 27×27×96
        x = conv(f2, 5, padding=2, groups=self.towers, bias_init=positive, name="conv2")(x)
        x = self.activation(x)  # 27×27×256
        x = self.normalise_and_pool(x, 2)  # 13×13×256
        x = self.activation(shard_towers(conv(f3, 3, padding=1, name="conv3")(gather_towers(x))))  # 13×13×384
        x = conv(f4, 3, padding=1, groups=self.towers, bias_init=positive, name="conv4")(x)
        x = self.activation(x)  # 13×13×384
        x = conv(f5, 3, padding=1, groups=self.towers, bias_init=positive, name="conv5")(x)
        x = self.activation(x)  # 13×13×256
        x = MaxPool(self.pool_size, 2, name="pool5")(x)  # 6×6×256
        x = self.activation(shard_towers(dense(self.hidden_units, bias_init=positive, name="fc6")(gather_towers(x))))
        x = Dropout(self.dropout_rate, name="drop6")(x, train=train)
        x = self.activation(shard_towers(dense(self.hidden_units, bias_init=positive, name="fc7")(gather_towers(x))))
        x = Dropout(self.dropout_rate, name="drop7")(x, train=train)
        return dense(self.num_classes, name="fc8")(x).astype(jnp.float32)

    def tower_axes(self, devices: int) -> dict[str, int]:
        """The axis along which each parameter is divided when every device holds one tower.

        A tower has its own maps and units. Of fc8 it has the weights from its own units of fc7 to every class; the
        devices' partial sums are added.

        Args:
          devices: the number of devices.

        Returns:
          Path of a parameter, "conv1/kernel", → its axis. Parameters that aren't named are whole on every device.

        Raises:
          ValueError: the network can't be divided so; the message says why.
        """
        if self.towers != devices:
            raise ValueError(f"this network has towers={self.towers}; there must be as many devices, and at least 2.")
        if self.use_lrn and self.norm_across_towers:
            raise ValueError("norm_across_towers=True makes the towers talk in each norm; set it to False.")
        if self.hidden_units % devices:
            raise ValueError(f"hidden_units (={self.hidden_units}) must be divisible by {devices}.")
        own = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")
        return {f"{layer}/{name}": -1 for layer in own for name in ("kernel", "bias")} | {"fc8/kernel": 0}

    def normalise_and_pool(
        self, x: Float[Array, "batch height width channels"], number: int
    ) -> Float[Array, "batch rows columns channels"]:
        """Response normalisation and max-pooling, layers "norm1" and "pool1" for `number` 1."""
        groups = 1 if self.norm_across_towers else self.towers
        respond = partial(LocalResponseNorm, k=self.lrn_k, alpha=self.lrn_alpha, groups=groups)
        norm = respond(name=f"norm{number}") if self.use_lrn else lambda images: images
        pool = MaxPool(self.pool_size, 2, name=f"pool{number}")
        return norm(pool(x)) if self.pool_first else pool(norm(x))


class OneTowerAlexNet(CheckedModule):
    """The network of 2014 as torchvision has it: no towers, no normalisation, dropout before fc6 and fc7.

    Input: float32 [batch, 224, 224, 3]. Output: logits, float32 [batch, num_classes].
    Deviation: He initialisation and biases of 0 (ours); torchvision leaves torch's U(±1/√fan-in) for both.
    """

    num_classes: Count = 1000
    features: Maps = (64, 192, 384, 256, 256)
    hidden_units: Count = 4096
    dropout_rate: DropoutRate = 0.5
    kernel_init: Initializer = HE_FAN_IN
    dtype: Any = jnp.float32

    @nn.compact
    @takes_images
    def __call__(
        self, images: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float32[Array, "batch {self.num_classes}"]:
        conv = partial(Conv, kernel_init=self.kernel_init, dtype=self.dtype)
        dense = partial(Dense, kernel_init=self.kernel_init, dtype=self.dtype)
        f1, f2, f3, f4, f5 = self.features

        x = relu(conv(f1, 11, strides=4, padding=2, name="conv1")(images))  # 55×55×64
        x = MaxPool(3, 2, name="pool1")(x)  # 27×27×64
        x = relu(conv(f2, 5, padding=2, name="conv2")(x))  # 27×27×192
        x = MaxPool(3, 2, name="pool2")(x)  # 13×13×192
        x = relu(conv(f3, 3, padding=1, name="conv3")(x))  # 13×13×384
        x = relu(conv(f4, 3, padding=1, name="conv4")(x))  # 13×13×256
        x = relu(conv(f5, 3, padding=1, name="conv5")(x))  # 13×13×256
        x = MaxPool(3, 2, name="pool5")(x)  # 6×6×256
        x = Dropout(self.dropout_rate, name="drop6")(x, train=train)
        x = relu(dense(self.hidden_units, name="fc6")(x))
        x = Dropout(self.dropout_rate, name="drop7")(x, train=train)
        x = relu(dense(self.hidden_units, name="fc7")(x))
        return dense(self.num_classes, name="fc8")(x).astype(jnp.float32)
