"""The CIFAR networks of He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition", 2015, §4.2."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from jaxcnn.models.kernels.relu import relu
from jaxcnn.models.layers.batch_norm import BatchNorm
from jaxcnn.models.layers.core import Conv, Dense, Initializer
from jaxcnn.models.layers.initializers import HE_FAN_IN
from jaxcnn.models.layers.module import CheckedModule
from jaxcnn.models.layers.pooling import GlobalAveragePool
from jaxcnn.models.layers.shapes import takes_images
from jaxcnn.models.resnet import ResidualBlock, Shortcut
from jaxcnn.ranges import Count, RangeError


class CifarResNet(CheckedModule):
    """6n + 2 layers: 3×3 convolutions in three stages of n blocks, at 32, 16 and 8 pixels.

    Input: float32 [batch, 32, 32, 3], mean-subtracted. Output: logits, float32 [batch, num_classes].
    """

    num_classes: Count = 10
    n: Count = 3  # 3, 5, 7, 9, 18, 200: 20, 32, 44, 56, 110, 1202 layers
    features: tuple[Count, Count, Count] = (16, 32, 64)
    shortcut: Shortcut = "A"  # the only one that §4.2 uses
    kernel_init: Initializer = HE_FAN_IN
    dense_init: Initializer = HE_FAN_IN
    dtype: Any = jnp.float32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shortcut == "A" and list(self.features) != sorted(self.features):
            raise RangeError(
                f'features (={self.features}) must not fall with shortcut="A", which adds channels of zeros.'
            )

    @classmethod
    def of_depth(cls, depth: int, **fields: Any) -> "CifarResNet":
        """The network of 6n + 2 layers.

        >>> CifarResNet.of_depth(110).n
        18

        Args:
          depth: the number of layers with weights.
          **fields: other fields of the network.

        Raises:
          ValueError: `depth` isn't 6n + 2.
        """
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"depth (={depth}) must be 6n + 2: 20, 32, 44, 56, 110, 1202 in the paper.")
        return cls(n=depth // 6, **fields)

    @nn.compact
    @takes_images
    def __call__(
        self, images: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float32[Array, "batch {self.num_classes}"]:
        weights = {"kernel_init": self.kernel_init, "dtype": self.dtype}
        x = Conv(self.features[0], 3, padding=1, use_bias=False, name="conv1", **weights)(images)  # 32×32×16
        x = relu(BatchNorm(dtype=self.dtype, name="conv1.bn")(x, train=train))
        for stage, features in enumerate(self.features, start=1):
            for number in range(1, self.n + 1):
                x = ResidualBlock(
                    features=features,
                    strides=2 if stage > 1 and number == 1 else 1,
                    shortcut=self.shortcut,
                    bottleneck=False,
                    name=f"s{stage}_{number}",
                    **weights,
                )(x, train=train)
        x = GlobalAveragePool(name="gap")(x)
        x = Dense(self.num_classes, kernel_init=self.dense_init, dtype=self.dtype, name="fc")(x)
        return x.astype(jnp.float32)
